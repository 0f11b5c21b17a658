import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sectionOfSweep, sectionsOf } from '@temporal-http-tasks/cli/internal/bundle/sections';
import { writeSections } from '@temporal-http-tasks/cli/internal/bundle/write-bundle';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { open, subject, temporaryFolder } from '../ledger/databases';
import { writeExampleSweep } from '../ledger/sweeps/example-sweep';

/** A bundle as text, with what confirms it. */
export interface StagedBundle {
  text: string;
  roots: string[];
  /** The checkpoint in it. */
  checkpoint: string;
  /** The verifier keys of its log. */
  keys: readonly string[];
}

/** A ledger with sealed sweeps and runs. */
export class BundleStage {
  #files = 0;

  private constructor(
    readonly ledger: OpenedLedger,
    readonly url: string,
  ) {}

  /** @param sealKey As PEM; unsigned without one. */
  static async open(url: string, sealKey?: string): Promise<BundleStage> {
    const ledger = await open(url, { sealKey });
    for (const sweepId of ['first', 'second']) await writeExampleSweep(ledger, { sweepId, users: 100 });
    await recordRun(ledger);
    await ledger.addHold({ holdId: 'h', subjects: [subject('held')], reason: 'case 7', by: 'legal' });
    await ledger.stop({ reason: 'drill', by: 'ann' });
    await ledger.start({ by: 'ann' });
    await ledger.log.seal();
    return new BundleStage(ledger, url);
  }

  /** The bundle of a sweep, or of some of its users. */
  async ofSweep(sweepId: string, seqs?: readonly number[]): Promise<StagedBundle> {
    const { head = '', ...row } = (await this.ledger.sweeps.read(sweepId)) ?? {};
    return this.#written([await sectionOfSweep(this.ledger, { ...row, sweepId, head }, seqs)]);
  }

  /** The bundle of everything that is known about a user of the first sweep and of the run. */
  async ofRun(): Promise<StagedBundle> {
    const receipts = await this.ledger.readReceipts({ workflowId: 'w', runId: 'r1' });
    const lone = await this.ledger.readReceipts({ workflowId: '', runId: 'lone' });
    const { sections } = await sectionsOf(this.ledger, [...receipts, ...lone]);
    return this.#written(sections);
  }

  async #written(sections: Awaited<ReturnType<typeof sectionsOf>>['sections']): Promise<StagedBundle> {
    const file = path.join(temporaryFolder(), `${(this.#files += 1)}.jsonl`);
    const { roots } = await writeSections(this.ledger, sections, { file });
    const text = readFileSync(file, 'utf8');
    const { checkpoint } = JSON.parse(text.slice(0, text.indexOf('\n'))) as { checkpoint: string };
    return { text, roots, checkpoint, keys: (await this.ledger.log.state()).keys };
  }
}

async function recordRun(ledger: OpenedLedger): Promise<void> {
  const call = { task: 'plaid.itemRemove', step: 'plaid.items', service: 'plaid', environment: 'sandbox', attempt: 1 };
  const keys = [
    { workflowId: 'w', runId: 'r1', activityId: 'a1' },
    { workflowId: '', runId: 'lone', activityId: 'a' },
  ];
  for (const key of keys) {
    const subjects = [subject('u1')];
    await ledger.recordIntent({ ...key, ...call, refuseUnsettled: true, subjects, holdSubjects: subjects });
    await ledger.recordOutcome({
      ...key,
      ...call,
      subjects,
      outcome: 'removed',
      status: 200,
      requestId: 'Grüße \u{1f44b}',
    });
  }
  const steps = [{ step: 'plaid.items', task: 'plaid.itemRemove', outcome: 'removed' as const }];
  const end = { environment: 'sandbox', subject: subject('u1'), steps, compensations: [] };
  await ledger.recordEnd({ workflowId: 'w', runId: 'r1', ...end });
}

/** Returns a new key as PEM. */
export function newSealKey(): string {
  return String(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }));
}

/** Returns the header line with the sum that belongs to it, as a forger would write it. */
export function withSum(header: Record<string, unknown>, canonical: (value: unknown) => string): string {
  const { sum: _sum, ...rest } = header;
  return canonical({ ...rest, sum: createHash('sha256').update(canonical(rest)).digest('hex') });
}
