import { spawn } from 'node:child_process';
import path from 'node:path';

/** Starts one of the scripts in this folder as a process of its own. */
export function startChild(
  script: 'open-once' | 'write-until-killed' | 'finish-by-itself' | 'close-while-locked',
  url: string,
  subjectKey: string,
) {
  const register = path.join(__dirname, 'register-typescript.cjs');
  return spawn(process.execPath, ['--require', register, path.join(__dirname, `${script}.ts`), url, subjectKey], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}
