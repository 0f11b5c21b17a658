import { runPastGuards, runRaw } from '../databases';

/** A leaf of a seal, as a row of its own has it. */
interface StoredLeaf {
  seq: number;
  receipt: number;
  step: string;
  leaf: string;
}

const HASH_BYTES = 32;

interface PackedRow {
  first: number;
  last: number;
  leaves: StoredLeaf[];
}

/** Reads the packed leaves of a sweep; written after the migration's description, not with the ledger's own code. */
async function readPacked(url: string, sweep: number): Promise<PackedRow[]> {
  const rows = await runRaw(url, `select * from sealed_hashes where sweep = ${sweep} order by last_seq`);
  return rows.map(({ first_seq: first, last_seq: last, hashes, receipts }) => {
    const bytes = Buffer.from(String(hashes), 'base64url');
    const packed = JSON.parse(String(receipts)) as { steps: string[]; rows: number[] };
    const leaves: StoredLeaf[] = [];
    for (let at = 0; at * 3 < packed.rows.length; at += 1) {
      const [seq = 0, receipt = 0, step = 0] = packed.rows.slice(at * 3, at * 3 + 3);
      const before = leaves.at(-1) ?? { seq: 0, receipt: 0 };
      leaves.push({
        seq: before.seq + seq,
        receipt: before.receipt + receipt,
        step: packed.steps[step] ?? '',
        leaf: bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES).toString('base64url'),
      });
    }
    return { first: Number(first), last: Number(last), leaves };
  });
}

/** Reads all packed leaves of a sweep. */
export async function storedLeaves(url: string, sweep: number): Promise<StoredLeaf[]> {
  return (await readPacked(url, sweep)).flatMap(({ leaves }) => leaves);
}

/** Stores leaves of a sweep with a row each instead of packed, as versions before migration 0025 did. */
export async function storeAsBefore(
  url: string,
  sweep: number,
  isMoved: (leaf: StoredLeaf) => boolean = () => true,
): Promise<void> {
  const moved = (await storedLeaves(url, sweep)).filter(isMoved);
  const values = moved.map(({ seq, receipt, step, leaf }) => `(${sweep}, ${seq}, ${receipt}, '${step}', '${leaf}')`);
  await changeLeaves(url, sweep, (leaf) => !isMoved(leaf));
  if (values.length > 0)
    await runRaw(url, `insert into sealed_leaves (sweep, seq, receipt, step, leaf) values ${values.join()}`);
}

/** Removes packed leaves of a sweep past the guards, and leaves the others as they are. */
export async function changeLeaves(url: string, sweep: number, isKept: (leaf: StoredLeaf) => boolean): Promise<void> {
  const statements = (await readPacked(url, sweep)).map(({ first, last, leaves }) => {
    const kept = leaves.filter(isKept);
    const where = `where sweep = ${sweep} and first_seq = ${first} and last_seq = ${last}`;
    if (kept.length === 0) return `delete from sealed_hashes ${where}`;
    const hashes = Buffer.concat(kept.map(({ leaf }) => Buffer.from(leaf, 'base64url'))).toString('base64url');
    const steps = [...new Set(kept.map(({ step }) => step))];
    const rows = kept.flatMap(({ seq, receipt, step }, at) => {
      const before = kept[at - 1] ?? { seq: 0, receipt: 0 };
      return [seq - before.seq, receipt - before.receipt, steps.indexOf(step)];
    });
    const place = `first_seq = ${kept[0]?.seq}, last_seq = ${kept.at(-1)?.seq}`;
    return `update sealed_hashes set ${place}, hashes = '${hashes}', receipts = '${JSON.stringify({ steps, rows })}' ${where}`;
  });
  if (url.startsWith('file:')) {
    for (const change of ['update', 'delete']) await runRaw(url, `drop trigger if exists sealed_hashes_no_${change}`);
    for (const statement of statements) await runRaw(url, statement);
  } else await runPastGuards(url, statements);
}
