import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { SEALED_COLUMNS, leafOf, sha256 } from '../ledger/sweeps/leaf';
import { isIncluded } from '../policy/merkle';
import { Refusal } from './errors';
import { printable } from './output';
import { BUNDLE, VERSION } from './receipt-bundle';

const MOST_NAMED = 1_000;

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** The first line of a bundle. */
const header = z.looseObject({
  bundle: z.literal(BUNDLE),
  version: z.literal(VERSION),
  sweepId: z.string(),
  /** The first run of the sweep's workflow. */
  runId: z.string().optional(),
  merkleRoot: hash,
  leaves: z.number().int().min(0),
});

/** Every other line: one receipt, and what proves together with the first line that it was sealed. */
const proof = z.looseObject({
  receipt: z.number(),
  seq: z.number(),
  step: z.string(),
  index: z.number().int().min(0),
  fields: z.array(z.union([z.string(), z.number(), z.null()])),
  path: z.array(hash),
});

/** What is wrong with a line of a bundle. */
export interface BundleDifference {
  /** `changed`: it is not what was sealed. `unreadable`: it is no receipt with a proof. `repeated`: it was there before. */
  kind: 'changed' | 'unreadable' | 'repeated';
  line: number;
  seq?: number;
  step?: string;
}

/** What the check of a bundle found. */
export interface BundleVerification {
  /** Every receipt in it is under the root that was expected. */
  ok: boolean;
  sweepId: string;
  runId?: string;
  /** The bundle's own. */
  merkleRoot: string;
  /** Receipts that are in it, and that were sealed: less is no mistake, since lines may be taken out. */
  receipts: number;
  leaves: number;
  differences: BundleDifference[];
  differenceCount: number;
}

/**
 * Checks a bundle by itself.
 *
 * @param given.expectedRoot In hex, from where it can be trusted, for example the workflow's result.
 * @throws Refusal when the file cannot be read or is no bundle.
 */
export async function verifyBundle({ file, expectedRoot }: { file: string; expectedRoot?: string | undefined }): Promise<BundleVerification> {
  const lines = readLines(file);
  try {
    const first = header.safeParse(parsed((await lines.next()).value as string | undefined));
    if (!first.success) throw new Refusal('Usage', `--bundle: ${printable(file)} is no bundle of receipts; http-tasks receipts SWEEP --bundle FILE makes one.`, 'bundle');
    const check = new BundleCheck(first.data);
    for await (const line of lines) check.add(line);
    return check.end(expectedRoot);
  } finally {
    await lines.return(undefined);
  }
}

async function* readLines(file: string): AsyncGenerator<string, void, undefined> {
  const stream = createReadStream(file, 'utf8');
  try {
    yield* createInterface({ input: stream, crlfDelay: Infinity });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Refusal('Usage', `--bundle: ${printable(file)} cannot be read (${code}).`, 'bundle');
  } finally {
    stream.destroy();
  }
}

class BundleCheck {
  readonly #header: z.output<typeof header>;
  readonly #root: Buffer;
  readonly #seen = new Set<number>();
  readonly #differences: BundleDifference[] = [];
  #differenceCount = 0;
  #line = 1;

  constructor(first: z.output<typeof header>) {
    this.#header = first;
    this.#root = Buffer.from(first.merkleRoot, 'hex');
  }

  add(text: string): void {
    this.#line += 1;
    if (text === '') return;
    const line = proof.safeParse(parsed(text));
    if (!line.success) return this.#differs({ kind: 'unreadable', line: this.#line });
    const { fields, index, path, seq, step } = line.data;
    const place = { index, leaves: this.#header.leaves, path: path.map((node) => Buffer.from(node, 'hex')) };
    // What stands beside the fields is for people, and must not say something else.
    const shown = seq === fields[SEALED_COLUMNS.indexOf('seq')] && step === fields[SEALED_COLUMNS.indexOf('step')];
    if (!shown || !isIncluded(sha256, leafOf(fields), place, this.#root)) return this.#differs({ kind: 'changed', line: this.#line, seq, step });
    if (this.#seen.has(index)) return this.#differs({ kind: 'repeated', line: this.#line, seq, step });
    this.#seen.add(index);
  }

  end(expectedRoot: string | undefined): BundleVerification {
    const { sweepId, runId, merkleRoot, leaves } = this.#header;
    return {
      // Without a receipt nothing is shown.
      ok: this.#differenceCount === 0 && (this.#seen.size > 0 || leaves === 0) && (expectedRoot === undefined || expectedRoot === merkleRoot),
      sweepId,
      ...(runId !== undefined && { runId }),
      merkleRoot,
      receipts: this.#seen.size,
      leaves,
      differences: this.#differences,
      differenceCount: this.#differenceCount,
    };
  }

  #differs(difference: BundleDifference): void {
    this.#differenceCount += 1;
    if (this.#differences.length < MOST_NAMED) this.#differences.push(difference);
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') as unknown;
  } catch {
    return undefined;
  }
}
