import { defineConfig } from 'eslint/config';
import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';
import plainEnglish from './scripts/plain-english.cjs';

/**
 * Every room: which other rooms it may import, which only as types, and, where that is limited, which packages. A room is a
 * folder of src/, the plugin, unless it says where else it is. What one package may import of another is also in
 * .dependency-cruiser.cjs.
 */
const ROOMS = {
  tasks: { rooms: [], packages: ['zod'] },
  policy: { rooms: ['tasks'], packages: ['zod'] },
  // Definitions of providers, and the plans that are made of them.
  providers: { rooms: ['tasks', 'policy'], packages: ['zod'] },
  // What may leave this machine and how, as pure functions.
  transport: { rooms: [] },
  config: { rooms: ['tasks', 'policy', 'providers', 'transport'] },
  http: { rooms: ['tasks', 'policy', 'config'] },
  ledger: { rooms: ['policy', 'transport'], types: ['tasks'] },
  observability: { rooms: ['tasks', 'policy', 'config', 'http'] },
  sources: { rooms: ['tasks', 'policy', 'providers', 'config', 'http', 'ledger', 'transport'] },
  activities: {
    rooms: ['tasks', 'policy', 'providers', 'http', 'ledger', 'sources', 'config', 'codec', 'observability'],
  },
  workflows: {
    rooms: ['tasks', 'policy', 'providers'],
    types: ['activities'],
    packages: ['zod', '@temporalio/workflow', '@temporalio/common', 'nexus-rpc'],
  },
  codec: { rooms: ['tasks', 'config'] },
  'host-checks': { rooms: [] },
  starts: { rooms: ['tasks', 'policy', 'ledger'] },
  'nexus-handlers': { rooms: ['tasks', 'policy', 'providers', 'ledger', 'starts', 'workflows'], types: ['activities'] },
  operator: { rooms: ['policy', 'starts'] },
  // What needs a person's attention, and what that person can do.
  attention: { rooms: ['tasks', 'policy', 'providers', 'http'], types: ['ledger'] },
  // Provider files name an OpenAPI document, whose operations are the provider's tasks.
  openapi: { of: 'openapi', rooms: ['tasks', 'policy', 'providers', 'transport'] },
  reference: { of: 'console', rooms: ['tasks', 'providers', 'config', 'http'] },
  gateway: {
    of: 'console',
    rooms: [
      'tasks',
      'openapi',
      'policy',
      'providers',
      'config',
      'http',
      'ledger',
      'codec',
      'activities',
      'operator',
      'attention',
      'starts',
      'reference',
      'workflows',
    ],
  },
  page: { of: 'console', rooms: [], types: ['gateway'] },
  report: { of: 'evidence', rooms: ['tasks', 'policy', 'providers', 'http', 'attention'], types: ['ledger'] },
  simulators: { of: 'testing', rooms: [] },
  // It judges the product, so it shares none of its code; of the simulators it knows what they report.
  oracle: { of: 'testing', rooms: [], types: ['simulators'] },
  'temporal-server': { of: 'testing', rooms: [] },
};

/** The packages that are one room each. */
const WHOLE_PACKAGES = ['openapi'];

/** The entry files next to the rooms. `workflow.ts` is bundled into workflows, so it is as strict as they are. */
const ENTRIES = {
  'index.ts': 'everything',
  'worker.ts': 'everything',
  'workflow.ts': {
    rooms: ['workflows', 'policy', 'providers', 'tasks'],
    packages: ['@temporalio/workflow', '@temporalio/common'],
  },
  'encryption-plugin.ts': { rooms: ['codec', 'config'] },
  'plugin.ts': {
    rooms: [
      'activities',
      'ledger',
      'codec',
      'config',
      'host-checks',
      'nexus-handlers',
      'operator',
      'policy',
      'providers',
      'starts',
      'tasks',
    ],
    types: ['http', 'sources'],
  },
  'nexus.ts': {
    rooms: ['workflows', 'policy', 'tasks'],
    types: ['activities'],
    packages: ['nexus-rpc', '@temporalio/common'],
  },
  'testing.ts': { rooms: [] },
};

/** Deepest folder nesting inside a room for which import paths are checked. */
const MAX_DEPTH = 4;

const alternatives = (names) => names.join('|');

/** The folder of a room. */
function folderOf(room) {
  const { of } = ROOMS[room];
  if (of === undefined) return `src/${room}`;
  return WHOLE_PACKAGES.includes(of) ? `packages/${of}/src` : `packages/${of}/src/${room}`;
}

/**
 * A pattern for what is imported from these rooms: in the same package by the path from the file up to its src/, say
 * `\.\./\.\./`, else by the package's name.
 */
function importsOf(rooms, of, prefix) {
  const inside = rooms.filter((room) => ROOMS[room].of === of);
  const paths = inside.length > 0 ? [`${prefix}(${alternatives(inside)})`] : [];
  const names = rooms
    .filter((room) => ROOMS[room].of !== of)
    .map((room) => {
      const { of: other } = ROOMS[room];
      if (other === undefined) return `temporal-http-tasks/internal/${room}`;
      return WHOLE_PACKAGES.includes(other)
        ? `@temporal-http-tasks/${other}`
        : `@temporal-http-tasks/${other}/internal/${room}`;
    });
  return `^(${alternatives([...paths, ...names])})(/|$)`;
}

/** Patterns for one file position: `prefix` is the path from the file up to the src/ of its package. */
function importPatterns(who, access, prefix) {
  const of = ROOMS[who]?.of;
  const closed = Object.keys(ROOMS).filter((room) => room !== who && !access.rooms.includes(room));
  const typesOnly = access.types ?? [];
  const banned = closed.filter((room) => !typesOnly.includes(room));
  const patterns = [];
  if (banned.length > 0) {
    patterns.push({
      regex: importsOf(banned, of, prefix),
      message: `${who} may import ${access.rooms.join(', ') || 'no other room'}${typesOnly.length > 0 ? ` and, as types only, ${typesOnly.join(', ')}` : ''}.`,
    });
  }
  if (typesOnly.length > 0) {
    patterns.push({
      regex: importsOf(typesOnly, of, prefix),
      allowTypeImports: true,
      message: `${who} may import ${typesOnly.join(', ')} as types only (import type …).`,
    });
  }
  if (who in ROOMS && of === undefined) {
    patterns.push({
      regex: `^${prefix}(index|worker|workflow|plugin|encryption-plugin|nexus|testing)$`,
      message: 'Entry files are built from the rooms; a room never imports one.',
    });
  }
  if (access.packages) {
    const open = access.packages.map((name) => `${name}(/|$)`).join('|');
    patterns.push({
      regex: `^(?!\\.{1,2}(/|$)|${open})`,
      message: `${who} is bundled into the workflow sandbox: no Node built-ins, and of packages only ${access.packages.join(', ')}.`,
    });
  }
  return patterns;
}

/** `@temporalio/workflow` throws outside the sandbox's bundle, so that no other code may load it. */
const WORKFLOW_ONLY = {
  regex: '^@temporalio/workflow$',
  allowTypeImports: true,
  message: 'Only workflows and workflow.ts run inside the workflow sandbox.',
};

/** A path out of a package would make its files part of another one's build. */
const BY_NAME = {
  regex: '^(\\.\\./)+(src|packages|lab|test|scripts)(/|$)',
  message: 'Import from another package by its name.',
};

function roomConfigs() {
  const configs = [
    {
      files: ['src/**/*.{ts,js}', 'packages/*/src/**/*.{ts,js}', 'lab/src/**/*.{ts,js}'],
      // The workflows of the peers, which their worker bundles.
      ignores: ['lab/src/bench/peers/workflows.ts'],
      rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [BY_NAME, WORKFLOW_ONLY] }] },
    },
  ];
  for (const [room, access] of Object.entries(ROOMS)) {
    for (let depth = 1; depth <= MAX_DEPTH; depth++) {
      const patterns = [BY_NAME, ...importPatterns(room, access, '\\.\\./'.repeat(depth))];
      if (!access.packages) patterns.push(WORKFLOW_ONLY);
      configs.push({
        files: [`${folderOf(room)}${'/*'.repeat(depth)}.{ts,js}`],
        rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
      });
    }
  }
  for (const [entry, access] of Object.entries(ENTRIES)) {
    if (access === 'everything') continue;
    configs.push({
      files: [`src/${entry}`],
      rules: {
        '@typescript-eslint/no-restricted-imports': ['error', { patterns: importPatterns(entry, access, '\\./') }],
      },
    });
  }
  return configs;
}

const NO_DEFAULT_EXPORT = {
  selector: 'ExportDefaultDeclaration',
  message: 'Use a named export: one name for one thing everywhere.',
};
const NO_EXPORT_ALL = {
  selector: 'ExportAllDeclaration',
  message: 'List the exported names: what is public is decided by hand.',
};

const DATABASE_NAME = '[value=/^(postgres|libsql)$/]';
const NO_BRANCH_ON_DATABASE = [
  `BinaryExpression[operator=/^[!=]==?$/] > Literal${DATABASE_NAME}`,
  `SwitchCase > Literal${DATABASE_NAME}`,
].map((selector) => ({
  selector,
  message: 'Add a method to the interface of databases (Store, SqlReader), which each folder implements.',
}));

export default defineConfig(
  { ignores: ['**/dist/', 'coverage/', 'node_modules/', '.demo/', '.test-state/', '.cache/'] },
  // Exceptions to rules are in this file, where they are seen and argued, not at the line.
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', 'src/**/*.js', 'packages/*/src/**/*.js'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.test.json', './tsconfig.page.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 400 }],
      'no-console': 'error',
      'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT, NO_EXPORT_ALL],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      // An `async` function without `await` is how an interface's promise is kept: a throw becomes a rejection.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/ban-ts-comment': [
        'error',
        {
          'ts-ignore': true,
          'ts-nocheck': true,
          'ts-expect-error': 'allow-with-description',
          minimumDescriptionLength: 8,
        },
      ],
    },
  },
  // Whatever a provider, a document or an input says, no search in it may take longer than in proportion to its length.
  {
    files: ['src/**/*.ts', 'packages/*/src/**/*.ts'],
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential' }],
    },
  },
  // It takes apart a query that the operator wrote, and comments and texts that are never closed end it.
  { files: ['src/config/query-text.ts'], rules: { 'regexp/no-super-linear-move': 'off' } },
  // Tests name databases, and other things that are called so. A migration written in code never changes again.
  {
    files: ['src/**/*.ts', 'packages/*/src/**/*.ts', 'lab/src/**/*.ts'],
    ignores: ['src/ledger/migrations/*.ts'],
    rules: { 'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT, NO_EXPORT_ALL, ...NO_BRANCH_ON_DATABASE] },
  },
  // The one plain-JS file runs as a worker thread straight from src/ in tests and from dist/ when built: CommonJS.
  // What arrives there over a message port has no type that JSDoc could state shorter than the code itself.
  {
    files: ['src/**/*.js', 'packages/*/src/**/*.js'],
    rules: {
      '@typescript-eslint/no-require-imports': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  { files: ['packages/cli/src/**', 'lab/src/**', 'examples/**', 'test/support/**'], rules: { 'no-console': 'off' } },
  {
    files: ['src/**/*.{ts,js}', 'packages/*/src/**/*.{ts,js}', 'lab/src/**/*.ts'],
    plugins: { language: plainEnglish },
    rules: {
      // The name of a fault, which recorded matrices contain, and a class of the report's style.
      'language/plain-english': ['error', { allow: ["somebody else's Item", '.answers'] }],
    },
  },
  // A user's workflows file re-exports ours with `export *`: that is the documented line, so the examples show it.
  { files: ['examples/**'], rules: { 'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT] } },
  {
    files: ['test/**/*.ts'],
    plugins: { language: plainEnglish },
    rules: {
      'language/plain-english': ['error', { titlesOnly: true }],
      // Tests look at parsed JSON and other people's error bodies, and assert on what they find.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  ...roomConfigs(),
);
