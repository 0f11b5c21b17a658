import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { fileWith, removeFolders } from '../sources/reading';
import { MAIN } from './run-cli';

afterAll(removeFolders);

it('ends although something that a command left open would keep the process', async () => {
  const preload = fileWith('', 'keep-open.cjs');
  writeFileSync(preload, "require('node:net').createServer().listen(0, '127.0.0.1');");
  const { stdout } = await promisify(execFile)(process.execPath, ['--require', preload, MAIN, 'list', '--json'], {
    timeout: 60_000,
  });
  expect((JSON.parse(stdout) as unknown[]).length).toBeGreaterThan(5);
});
