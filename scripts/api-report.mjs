// `npm run api`: writes what each entry of each package exports, with its types, to api/*.api.md, from the declarations in dist/.
// With --check it writes nothing and exits with 1 where they differ: the public API changed without its report.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import extractor from '@microsoft/api-extractor';
import { ROOT } from './commands.mjs';
import { PACKAGES } from './packages.mjs';

/** Every public entry by its report. `temporal-http-tasks/testing` is another name for a package that is among them. */
const ENTRIES = [
  ...['index', 'workflow', 'nexus'].map((entry) => ({ report: entry, folder: '.', entry })),
  ...PACKAGES.filter(({ folder }) => folder !== '.').map(({ folder }) => ({
    report: basename(folder),
    folder,
    entry: 'index',
  })),
];
const isCheck = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'http-tasks-api-'));

/** @returns {import('@microsoft/api-extractor').ExtractorConfig} How one entry is read. */
function configOf({ report, folder, entry }) {
  const declarations = join(ROOT, folder, 'dist', `${entry}.d.ts`);
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023'],
    module: 'node20',
    moduleResolution: 'node16',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
  };
  return extractor.ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, folder, 'package.json'),
    configObject: {
      projectFolder: join(ROOT, folder),
      mainEntryPointFilePath: declarations,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions, files: [declarations] } },
      apiReport: {
        enabled: true,
        reportFolder: join(ROOT, 'api'),
        reportTempFolder: scratch,
        reportFileName: `${report}.api.md`,
        // A type that is not exported but stands in the signature of something that is.
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  });
}

const changed = [];
try {
  for (const entry of ENTRIES) {
    const report = extractor.Extractor.invoke(configOf(entry), {
      localBuild: !isCheck,
      messageCallback: (message) => {
        message.handled = message.logLevel !== 'error';
      },
    });
    if (report.errorCount > 0)
      throw new Error(`${entry.report}: its declarations in dist/ cannot be read; run npm run build.`);
    if (report.apiReportChanged) changed.push(`api/${entry.report}.api.md`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (isCheck && changed.length > 0) {
  process.stderr.write(
    `The public API differs from ${changed.join(', ')}. Run npm run api, read the difference, and commit it.\n`,
  );
  process.exitCode = 1;
} else {
  process.stdout.write(changed.length === 0 ? 'The public API is as reported.\n' : `Wrote ${changed.join(', ')}.\n`);
}
