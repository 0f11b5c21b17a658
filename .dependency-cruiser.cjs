/** The rooms whose code is bundled into the workflow sandbox. */
const SANDBOX = '^src/(tasks|policy|providers|workflows)/|^src/(workflow|nexus)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that import each other are one file, or miss a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'sandbox-reaches-no-io',
      comment: 'Directly or through others, sandboxed code must not reach sockets, SQL or the rooms that use them.',
      severity: 'error',
      from: { path: SANDBOX },
      to: {
        reachable: true,
        path: '^src/(http|ledger|activities|sources|observability|config|codec|gateway|reference|transport|page|openapi|simulators|cli|temporal-server)/|node_modules/(undici|kysely|pg|libsql|pino)/',
      },
    },
    {
      name: 'sandbox-uses-no-node-built-in',
      comment: 'Node built-ins are absent from the workflow sandbox.',
      severity: 'error',
      from: { path: SANDBOX },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'simulators-stand-alone',
      comment: 'The simulators judge the client, so they share none of its code.',
      severity: 'error',
      from: { path: '^src/simulators/' },
      to: { path: '^src/(?!simulators/)' },
    },
    {
      name: 'oracle-stands-alone',
      comment: 'The oracle judges the product, so it shares none of its code.',
      severity: 'error',
      from: { path: '^src/oracle/' },
      to: { path: '^src/(?!oracle/)' },
    },
    {
      name: 'only-declared-packages',
      comment: 'What dist/ imports must be installed with the package.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Type imports vanish on compile: what they reach never runs. Cycles of them: .dependency-cruiser.types.cjs.
    tsPreCompilationDeps: false,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    // Compiled for the browser, by a project of its own; it imports itself by the names of its compiled files.
    exclude: { path: '^src/page/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default'] },
  },
};
