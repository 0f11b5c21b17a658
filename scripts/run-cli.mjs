// `npm run demo -- --json`: installs and builds what is missing, then is the command `http-tasks demo --json`.
import Module from 'node:module';
import { join } from 'node:path';
import { ROOT } from './commands.mjs';
import { build } from './build.mjs';

try {
  await build();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
// The command takes this process over instead of becoming its child: signals and the exit code need no passing on.
process.argv[1] = join(ROOT, 'dist', 'cli', 'main.js');
Module.runMain();
