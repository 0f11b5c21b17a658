/**
 * Verifies a bundle of receipts (docs/evidence.md). Imports nothing, so that it runs in Node and in a browser; hashing and
 * signatures come from the platform.
 */
import { checkSignatures, parseCheckpoint } from './checkpoint';
import { canonical, isObject, isPlain, isWhole, toHex, utf8 } from './encoding';
import type { EvidenceCrypto } from './encoding';
import { TreeCheck, leafHash } from './proofs';

/** What is known from outside the bundle. Any of them anchors a bundle, which must agree with all of them. */
export interface Anchors {
  /** Roots that sweeps returned, in hex. */
  roots?: readonly string[];
  /** Checkpoints that were kept, as text. */
  checkpoints?: readonly string[];
  /** Public keys of the log or of witnesses, as verifier keys of signed notes: NAME+ID+BASE64. */
  keys?: readonly string[];
}

/** A difference between a bundle and what was sealed. */
export interface EvidenceDifference {
  /** From 1; 0 for the file as a whole. */
  line: number;
  /** What is wrong, for example `head`, `path` or `signature`. */
  field: string;
  problem: string;
}

/** One section of a bundle: a head with receipts. */
export interface VerifiedSection {
  /** All members of the head. Proven together with the root. */
  head: Readonly<Record<string, unknown>>;
  /** The leaf hash of the head, in hex. */
  merkleRoot: string;
  /** Receipts in the file that are under the root. */
  receipts: number;
  /** Number of sealed receipts, according to the head. */
  sealed: number;
  complete: boolean;
  /** What confirms the root from outside the bundle. Empty when nothing does. */
  anchoredBy: readonly ('root' | 'checkpoint' | 'key')[];
  /** The checkpoint, if there is one. */
  checkpoint?: { origin: string; size: number; root: string; time?: string; index: number; signedBy: string[] };
}

/** The result of a verification. */
export interface EvidenceVerification {
  /** Nothing differs and every section is anchored. */
  ok: boolean;
  anchored: boolean;
  /** Every sealed receipt is in the file. */
  complete: boolean;
  sections: readonly VerifiedSection[];
  differences: readonly EvidenceDifference[];
  differenceCount: number;
}

export const BUNDLE = 'temporal-http-tasks receipts';
export const VERSION = 2;
/** The members of each line, in their order. */
export const HEADER = ['bundle', 'version', 'section', 'sections', 'head', 'index', 'path', 'checkpoint', 'sum'];
export const RECEIPT = ['index', 'fields', 'path'];
/** Positions of fields of a receipt. */
const WORKFLOW_ID = 0;
const RUN_ID = 1;
const FIELDS = 23;
const MOST_NAMED = 1_000;
const HASH = /^[0-9a-f]{64}$/;

type Json = Record<string, unknown>;

/** Verifies a bundle, of which `chunks` is the text, in pieces of any size. */
export async function verifyBundle(
  chunks: AsyncIterable<string> | Iterable<string>,
  crypto: EvidenceCrypto,
  anchors: Anchors = {},
): Promise<EvidenceVerification> {
  const check = new BundleCheck(crypto, anchors);
  let rest = '';
  for await (const chunk of chunks) {
    const lines = chunk.split('\n');
    // What came before is not searched again: a line may be in many pieces.
    lines[0] = rest + (lines[0] ?? '');
    rest = lines.pop() ?? '';
    for (const line of lines) await check.add(line);
  }
  return check.end(rest);
}

class BundleCheck {
  readonly #sections: (VerifiedSection & { receipts: number; complete: boolean })[] = [];
  readonly #differences: EvidenceDifference[] = [];
  readonly #roots = new Set<string>();
  #differenceCount = 0;
  #line = 0;
  #size = 0;
  #tree: TreeCheck | undefined;
  #lastIndex = -1;

  constructor(
    private readonly crypto: EvidenceCrypto,
    private readonly anchors: Anchors,
  ) {}

  async add(text: string): Promise<void> {
    this.#line += 1;
    const line = parse(text);
    if (line === undefined) return this.#differs('line', 'is not canonical JSON, or repeats or lacks something');
    return 'bundle' in line || this.#line === 1 ? this.#header(line) : this.#receipt(line);
  }

  async end(rest: string): Promise<EvidenceVerification> {
    const { roots = [] } = this.anchors;
    this.#line = 0;
    if (rest !== '') this.#differs('file', 'does not end with a line break; it was truncated');
    if (this.#sections.length === 0) this.#differs('file', 'has no header line');
    if (this.#size > this.#sections.length) this.#differs('sections', `are ${this.#sections.length} of ${this.#size}`);
    for (const root of roots.filter((one) => !this.#roots.has(one)))
      this.#differs('merkleRoot', `is not ${root}, which was given`);
    const anchored = this.#sections.length > 0 && this.#sections.every(({ anchoredBy }) => anchoredBy.length > 0);
    return {
      ok: anchored && this.#differenceCount === 0,
      anchored,
      complete: this.#size > 0 && this.#size === this.#sections.length && this.#sections.every((one) => one.complete),
      sections: this.#sections,
      differences: this.#differences,
      differenceCount: this.#differenceCount,
    };
  }

  async #header(line: Json): Promise<void> {
    const { bundle, version, section, sections, head, index, path, checkpoint, sum, ...more } = line;
    const names = Object.keys(line).join();
    this.#tree = undefined;
    const isHeader = bundle === BUNDLE && version === VERSION && Object.keys(more).length === 0;
    if (!isHeader || names !== HEADER.join() || !isObject(head))
      return this.#differs('header', 'is not the header line of a bundle of version 2');
    if (sum !== toHex(await this.crypto.sha256(utf8(canonical({ ...line, sum: undefined })))))
      this.#differs('sum', 'is not that of the header line; the line was changed');
    if (section !== this.#sections.length + 1 || !isWhole(sections) || sections < section)
      this.#differs('section', 'is out of order');
    if (this.#size !== 0 && sections !== this.#size) this.#differs('sections', 'is not the same in all sections');
    this.#size = Number(sections);
    const { receipts: sealed, receiptsRoot } = head;
    if (!isWhole(sealed) || typeof receiptsRoot !== 'string' || !HASH.test(receiptsRoot))
      return this.#differs('head', 'does not say which receipts were sealed');
    const merkleRoot = await leafHash(this.crypto, canonical(head));
    this.#roots.add(merkleRoot);
    const anchoredBy: ('root' | 'checkpoint' | 'key')[] = this.anchors.roots?.includes(merkleRoot) ? ['root'] : [];
    const inLog = await this.#checkpoint({ head, merkleRoot, index, path, checkpoint }, anchoredBy);
    this.#tree = new TreeCheck(this.crypto, sealed, receiptsRoot);
    this.#lastIndex = -1;
    const complete = sealed === 0;
    this.#sections.push({ head, merkleRoot, receipts: 0, sealed, complete, anchoredBy, ...inLog });
  }

  async #checkpoint(
    {
      head,
      merkleRoot,
      index,
      path,
      checkpoint,
    }: { head: Json; merkleRoot: string } & Record<'index' | 'path' | 'checkpoint', unknown>,
    anchoredBy: string[],
  ): Promise<Pick<VerifiedSection, 'checkpoint'>> {
    const { keys = [], checkpoints = [] } = this.anchors;
    if (checkpoint === null && index === null && Array.isArray(path) && path.length === 0) {
      if (keys.length + checkpoints.length > 0) this.#differs('checkpoint', 'is missing, but one or its key was given');
      return {};
    }
    const parsed = typeof checkpoint === 'string' ? parseCheckpoint(checkpoint) : undefined;
    if (parsed === undefined || !isWhole(index) || !isPath(path)) {
      this.#differs('checkpoint', 'is not a checkpoint with a proof, in the only spelling');
      return {};
    }
    const { origin, size, root, time } = parsed;
    if (origin !== head['origin']) this.#differs('checkpoint', 'is of another log than the head names');
    if (!(await new TreeCheck(this.crypto, size, root).includes(merkleRoot, index, path)))
      this.#differs('path', 'does not lead from the head to the root of the checkpoint');
    const own = Array.isArray(head['keys']) ? head['keys'].filter((key) => typeof key === 'string') : [];
    const { signedBy, wrong } = await checkSignatures(this.crypto, parsed, [...own, ...keys]);
    for (const key of wrong) this.#differs('signature', `is not one of ${key}`);
    if (own.length > 0 && !own.some((key) => signedBy.includes(key)))
      this.#differs('signature', 'of a key that the head names is missing');
    // A witness may have signed the checkpoint that was given, instead of the one in the file.
    const witnesses = new Set(signedBy);
    for (const kept of checkpoints.map(parseCheckpoint)) {
      if (kept?.origin !== origin) this.#differs('checkpoint', 'is of another log than the given one');
      else if (kept.size === size && kept.root !== root)
        this.#differs('checkpoint', 'has another root than the given one');
      else if (kept.size === size) {
        anchoredBy.push('checkpoint');
        const signed = await checkSignatures(this.crypto, kept, keys);
        for (const key of signed.wrong) this.#differs('signature', `of the given checkpoint is not one of ${key}`);
        for (const key of signed.signedBy) witnesses.add(key);
      }
    }
    if (keys.some((key) => witnesses.has(key))) anchoredBy.push('key');
    else if (keys.length > 0) this.#differs('signature', 'of a given key is missing');
    return { checkpoint: { origin, size, root, ...(time !== undefined && { time }), index, signedBy } };
  }

  async #receipt({ index, fields, path, ...more }: Json): Promise<void> {
    const section = this.#sections.at(-1);
    if (this.#tree === undefined || section === undefined) return this.#differs('receipt', 'has no valid header');
    const isReceipt = isWhole(index) && isPath(path) && isFields(fields) && Object.keys(more).length === 0;
    if (!isReceipt) return this.#differs('receipt', 'is not a receipt with a proof');
    if (index <= this.#lastIndex) return this.#differs('index', 'is out of order or repeated');
    this.#lastIndex = index;
    const { kind, sweepId, workflowId, runId } = section.head;
    const ids = kind === 'sweep' ? [sweepId] : [workflowId, runId];
    const isOfHead = ids.every((id, at) => typeof id === 'string' && id === fields[at === 0 ? WORKFLOW_ID : RUN_ID]);
    if (!isOfHead) return this.#differs('fields', 'are of another sweep or run than the head');
    if (!(await this.#tree.includes(await leafHash(this.crypto, JSON.stringify(fields)), index, path)))
      return this.#differs('receipt', 'was not sealed at this index');
    section.receipts += 1;
    section.complete = section.receipts === section.sealed;
  }

  #differs(field: string, problem: string): void {
    this.#differenceCount += 1;
    if (this.#differences.length < MOST_NAMED) this.#differences.push({ line: this.#line, field, problem });
  }
}

/** Returns the object in a line, if it has its only valid spelling and the members in their order. */
function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || !isPlain(value) || canonical(value) !== text) return undefined;
    const names = Object.keys(value).join();
    return names === HEADER.join() || names === RECEIPT.join() ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPath(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((hash) => typeof hash === 'string' && HASH.test(hash));
}

function isFields(value: unknown): value is (string | number | null)[] {
  return Array.isArray(value) && value.length === FIELDS;
}
