import { createApproverKey } from 'temporal-http-tasks/internal/operator-policy/approval';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { print, printable, printJson, say } from '../terminal/output';
import { writePrivateKey } from '../terminal/output-file';

/** Creates an approver's key, writes the private key and prints the public one. */
export async function makeApproverKey(io: Io, { out = '', json }: { out?: string; json?: boolean }): Promise<ExitCode> {
  if (out === '') throw new Refusal('Usage', '--out is required: name the file for the private key.', 'out');
  const { pem, key } = createApproverKey();
  await writePrivateKey(out, pem);
  if (json) printJson(io, { file: out, key });
  else {
    print(io, key);
    say(io, `The private key is in ${printable(out)}. For the policy: approvers: [{name: NAME, key: "${key}"}]`);
    say(io, `To sign with it: http-tasks sweep approve ID --total N --by NAME --key ${quoted(out)}`);
  }
  return 0;
}
