import { readFile } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { ApproverKeyError, signApproval } from 'temporal-http-tasks/internal/operator-policy/approval';
import type { approveInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { z } from 'zod';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { say } from '../terminal/output';
import { queryProgress } from './sweep-run';

type Approval = z.input<typeof approveInput>;

/**
 * Returns an approval with its signature over what the sweep reports that it will do.
 *
 * @throws Refusal for a key that cannot be used.
 * @throws CommandFailure for a sweep with another number of users, or one that does not wait for a signature.
 */
export async function signedApproval(
  io: Io,
  { client, sweepId, approval, file }: { client: Client; sweepId: string; approval: Approval; file: string },
): Promise<Approval> {
  const pem = await readFile(file, 'utf8').catch(() => {
    throw new Refusal('Usage', `--key: the file ${file} cannot be read.`, 'key');
  });
  const { toSign, counts } = await queryProgress(client, client.workflow.getHandle(sweepId));
  if (!toSign)
    throw new CommandFailure(
      'Refused',
      `The sweep ${sweepId} does not wait for a signed approval. See: http-tasks sweep status ${sweepId}`,
    );
  if (counts.total !== approval.total)
    throw new CommandFailure(
      'Refused',
      `total is ${approval.total}, and this sweep has ${counts.total} users. Check the users again, then approve that number.`,
    );
  const { snapshotDigest, planDigest, environment, signatures, signedBy } = toSign;
  say(io, `Signing: ${counts.total} users, ${environment}, ${signedBy.length} of ${signatures} signatures so far.`);
  try {
    const signed = { sweepId, total: counts.total, snapshotDigest, planDigest, environment };
    return { ...approval, signature: signApproval(signed, pem) };
  } catch (error) {
    if (error instanceof ApproverKeyError) throw new Refusal('Usage', `--key: ${file} ${error.message}.`, 'key');
    throw error;
  }
}
