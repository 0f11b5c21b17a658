/** The rooms whose code is bundled into the workflow sandbox. */
const SANDBOX = '^src/(tasks|policy|providers|workflows)/|^src/(workflow|nexus)\\.ts$';

/** Which other packages each may import. What is not here is upstream of it, or next to it. */
const DOWNSTREAM = {
  src: [],
  'packages/openapi': ['src'],
  'packages/testing': ['src'],
  'packages/evidence': ['src'],
  'packages/console': ['src', 'packages/openapi'],
  'packages/cli': ['src', 'packages/openapi', 'packages/testing', 'packages/evidence', 'packages/console'],
  lab: ['src', 'packages/testing', 'packages/cli'],
};

/** `temporal-http-tasks/testing`, which is another name for a package of its own. */
const REEXPORT = '^src/testing\\.ts$';

const packageRules = Object.entries(DOWNSTREAM).map(([from, allowed]) => ({
  name: `${from.replace('packages/', '')}-imports-upstream-only`,
  comment: `${from} may import ${allowed.join(', ') || 'no other package of this workspace'}.`,
  severity: 'error',
  from: { path: `^${from}/`, ...(from === 'src' && { pathNot: REEXPORT }) },
  to: { path: `^(src|packages/[^/]+|lab)/`, pathNot: `^(${[from, ...allowed].join('|')})/` },
}));

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
    ...packageRules,
    {
      name: 'sandbox-reaches-no-io',
      comment: 'Directly or through others, sandboxed code must not reach sockets, SQL or the rooms that use them.',
      severity: 'error',
      from: { path: SANDBOX },
      to: {
        reachable: true,
        path: '^src/(http|ledger|activities|sources|observability|config|codec|transport)/|^packages/|^lab/|node_modules/(undici|kysely|pg|libsql|pino)/',
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
      from: { path: '^packages/testing/src/simulators/' },
      to: { path: '^(src|packages|lab)/', pathNot: '^packages/testing/src/simulators/' },
    },
    {
      name: 'oracle-stands-alone',
      comment: 'The oracle judges the product, so it shares none of its code.',
      severity: 'error',
      from: { path: '^packages/testing/src/oracle/' },
      to: { path: '^(src|packages|lab)/', pathNot: '^packages/testing/src/oracle/' },
    },
    {
      name: 'only-declared-packages',
      comment: 'What dist/ imports must be installed with the package.',
      severity: 'error',
      from: { path: '^(src|packages|lab)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: { path: '^(src|packages|lab)/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Type imports vanish on compile: what they reach never runs. Cycles of them: .dependency-cruiser.types.cjs.
    tsPreCompilationDeps: false,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    // The page is compiled for the browser, by a project of its own; it imports itself by the names of its compiled files.
    exclude: { path: '^packages/console/src/page/|/dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default'] },
  },
};
