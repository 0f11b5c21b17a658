// `npm run api:reference`: writes the API reference, docs/api/*.md, from the docstrings of what each package exports.
// With --check it writes nothing and exits with 1 where they differ: a docstring changed without its page.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { Application } from 'typedoc';
import { load as markdown } from 'typedoc-plugin-markdown';
import { ROOT } from './commands.mjs';
import { PACKAGES } from './packages.mjs';

/** The page of every documented entry. The command line has no API beyond its commands. */
const ENTRIES = [
  { page: 'plugin', title: 'temporal-http-tasks', file: 'src/index.ts' },
  { page: 'workflow', title: 'temporal-http-tasks/workflow', file: 'src/workflow.ts' },
  { page: 'nexus', title: 'temporal-http-tasks/nexus', file: 'src/nexus.ts' },
  ...PACKAGES.filter(({ folder }) => folder !== '.' && basename(folder) !== 'cli').map(({ name, folder }) => ({
    page: basename(folder),
    title: name,
    file: `${folder}/src/index.ts`,
  })),
];
const PAGES = join(ROOT, 'docs', 'api');

const OPTIONS = {
  entryPoints: ENTRIES.map(({ file }) => join(ROOT, file)),
  tsconfig: join(ROOT, 'tsconfig.test.json'),
  basePath: ROOT,
  plugin: [markdown],
  router: 'module',
  readme: 'none',
  logLevel: 'Error',
  // `npm run typecheck` does it.
  skipErrorChecking: true,
  excludeInternal: true,
  excludeExternals: true,
  excludePrivate: true,
  hideBreadcrumbs: true,
  hidePageHeader: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  sort: ['alphabetical'],
};

/** @returns {Promise<Map<string, string>>} Each page by its name. */
async function render() {
  const out = await mkdtemp(join(tmpdir(), 'http-tasks-reference-'));
  try {
    const application = await Application.bootstrapWithPlugins({ ...OPTIONS, out });
    const project = await application.convert();
    if (!project) throw new Error('The sources cannot be read.');
    // A module's name becomes that of its page, in links too.
    for (const module of project.children ?? []) module.name = pageOf(module);
    // Where something is defined changes with every line above it.
    application.options.setValue('disableSources', true);
    await application.generateOutputs(project);
    const read = async ({ page, title }) => {
      const text = await readFile(join(out, `${page}.md`), 'utf8');
      return [`${page}.md`, text.replace(/^# .*$/m, `# ${title}`)];
    };
    return new Map(await Promise.all(ENTRIES.map(read)));
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

/** @param {import('typedoc').DeclarationReflection} module */
function pageOf(module) {
  const file = relative(ROOT, module.sources?.[0]?.fullFileName ?? '').replaceAll('\\', '/');
  const entry = ENTRIES.find((one) => one.file === file);
  if (!entry) throw new Error(`${file} is not an entry.`);
  return entry.page;
}

const pages = await render();
const stored = async (page) => readFile(join(PAGES, page), 'utf8').catch(() => undefined);
const changed = [];
for (const [page, text] of pages) if ((await stored(page)) !== text) changed.push(page);
if (process.argv.includes('--check')) {
  if (changed.length > 0) {
    process.stderr.write(
      `The API reference differs from docs/api/: ${changed.join(', ')}. Run npm run api:reference.\n`,
    );
    process.exitCode = 1;
  }
} else {
  await mkdir(PAGES, { recursive: true });
  for (const page of changed) await writeFile(join(PAGES, page), pages.get(page));
  process.stdout.write(changed.length === 0 ? 'The API reference is current.\n' : `Wrote ${changed.join(', ')}.\n`);
}
