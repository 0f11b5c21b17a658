import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { leafOf, SEALED_COLUMNS, sha256 } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import { emptyRoot, isIncluded } from 'temporal-http-tasks/internal/policy/merkle';
import { BundleHeader } from './header-of-version-1';
import type { HeaderDifference } from './header-of-version-1';
import { Refusal } from '../program/errors';
import { printable } from '../terminal/output';
import { BUNDLE, VERSION } from './write-version-1';

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

/** Every other line: one receipt, and the proof that, together with the first line, shows that it was sealed. */
const proof = z.strictObject({
  receipt: z.number(),
  seq: z.number(),
  step: z.string(),
  index: z.number().int().min(0),
  fields: z.array(z.union([z.string(), z.number(), z.null()])),
  path: z.array(hash),
});

/** What is wrong with a line of a bundle. */
export interface LineDifference {
  /**
   * `changed`: it differs from what was sealed. `unreadable`: it is not a receipt with a proof. `repeated`: an earlier
   * line has it.
   */
  kind: 'changed' | 'unreadable' | 'repeated';
  line: number;
  seq?: number;
  step?: string;
}

/** What is wrong with a bundle. */
export type BundleDifference = LineDifference | HeaderDifference;

/** The result of the check of a bundle. */
export interface BundleVerification {
  /** The root is known from outside the bundle, every receipt in the bundle is under that root, and none is missing. */
  ok: boolean;
  /** The root was compared with one from outside the bundle. */
  anchored: boolean;
  sweepId: string;
  runId?: string;
  /** The bundle's own. */
  merkleRoot: string;
  /** Receipts that are in it and under its root. */
  receipts: number;
  /** Number of sealed receipts according to the bundle; proven unless `notProven` names it. */
  leaves: number;
  /** Fields of the first line, and of the receipts' lines, that the receipts do not prove. */
  notProven: readonly string[];
  differences: BundleDifference[];
  differenceCount: number;
}

/**
 * Checks a bundle by itself.
 *
 * @param given.expectedRoot In hex, from a trusted source such as the workflow's result.
 * @param given.part The file is intentionally a part of a bundle: receipts may be missing.
 * @throws Refusal when the file cannot be read or is not a bundle.
 */
export async function verifyFirstBundle({
  file,
  expectedRoot,
  part = false,
}: {
  file: string;
  expectedRoot?: string | undefined;
  part?: boolean;
}): Promise<BundleVerification> {
  const lines = readLines(file);
  try {
    const first = header.safeParse(parsed((await lines.next()).value as string | undefined));
    if (!first.success)
      throw new Refusal(
        'Usage',
        `--bundle: ${printable(file)} is not a bundle of receipts; http-tasks receipts SWEEP --bundle FILE writes one.`,
        'bundle',
      );
    const check = new BundleCheck(first.data);
    for await (const line of lines) check.add(line);
    return check.end(expectedRoot, part);
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
  readonly #facts: BundleHeader;
  readonly #seen = new Set<number>();
  readonly #differences: BundleDifference[] = [];
  #differenceCount = 0;
  #line = 1;

  constructor(first: z.output<typeof header>) {
    this.#header = first;
    this.#root = Buffer.from(first.merkleRoot, 'hex');
    this.#facts = new BundleHeader(first);
  }

  add(text: string): void {
    this.#line += 1;
    if (text === '') return;
    const line = proof.safeParse(parsed(text));
    if (!line.success) return this.#differs({ kind: 'unreadable', line: this.#line });
    const { fields, index, path, seq, step } = line.data;
    const place = { index, leaves: this.#header.leaves, path: path.map((node) => Buffer.from(node, 'hex')) };
    // The fields that are repeated for readers must equal the sealed ones.
    const shown = seq === fields[SEALED_COLUMNS.indexOf('seq')] && step === fields[SEALED_COLUMNS.indexOf('step')];
    if (!shown || !isIncluded(sha256, leafOf(fields), place, this.#root))
      return this.#differs({ kind: 'changed', line: this.#line, seq, step });
    if (this.#seen.has(index)) return this.#differs({ kind: 'repeated', line: this.#line, seq, step });
    this.#seen.add(index);
    this.#facts.add(fields);
  }

  end(expectedRoot: string | undefined, part: boolean): BundleVerification {
    const { sweepId, runId, merkleRoot, leaves } = this.#header;
    const anchored = expectedRoot !== undefined;
    const sizeIsProven = this.#provesSize();
    const isWhole = sizeIsProven && this.#seen.size === leaves;
    for (const difference of this.#facts.differences(isWhole)) this.#differs(difference);
    if (anchored && expectedRoot !== merkleRoot)
      this.#differs({ kind: 'header', field: 'merkleRoot', found: merkleRoot, expected: expectedRoot });
    if (leaves === 0 && !sizeIsProven)
      this.#differs({
        kind: 'header',
        field: 'leaves',
        found: 0,
        expected: 'at least 1: the root is not that of no receipts',
      });
    if (sizeIsProven && !isWhole && !part)
      this.#differs({ kind: 'header', field: 'receipts', found: this.#seen.size, expected: leaves });
    const shows = isWhole || (part && this.#seen.size > 0);
    return {
      ok: anchored && shows && this.#differenceCount === 0,
      anchored,
      sweepId,
      ...(runId !== undefined && { runId }),
      merkleRoot,
      receipts: this.#seen.size,
      leaves,
      notProven: [...(sizeIsProven ? [] : ['leaves']), ...this.#facts.notProven],
      differences: this.#differences,
      differenceCount: this.#differenceCount,
    };
  }

  /**
   * Returns whether the receipts prove how many leaves the tree has. In a tree of RFC 6962 every left subtree is
   * perfect, so the length of a path into it gives its size: with the last leaf, and one leaf in each left subtree on
   * the path to it, all sizes are known. With fewer, another number of leaves could have the same root and the same
   * paths.
   */
  #provesSize(): boolean {
    const { leaves } = this.#header;
    if (leaves === 0) return this.#root.equals(emptyRoot(sha256));
    const indexes = [...this.#seen].sort((a, b) => a - b);
    let from = 0;
    let position = 0;
    for (let rest = leaves; rest > 1;) {
      const left = 2 ** Math.ceil(Math.log2(rest) - 1);
      while ((indexes[position] ?? leaves) < from) position += 1;
      if ((indexes[position] ?? leaves) >= from + left) return false;
      from += left;
      rest -= left;
    }
    return this.#seen.has(from);
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
