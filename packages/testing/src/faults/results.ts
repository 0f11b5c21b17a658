import { POLICIES, WHENS } from '../oracle/cell';
import type { Cell, Flow } from '../oracle/cell';
import type { JudgedMatrix, MatrixNumbers } from './run-matrix';
import { wordsOf } from './trial';

/** One cell that is not as it must be. */
export interface FailedCell {
  call: string;
  fault: string;
  when: string;
  policy: string;
  expected: string;
  got: string;
}

/** How one call fares under one fault. */
export interface MatrixRow {
  flow: Flow;
  call: string;
  fault: string;
  /** One letter for each time (once, twice, always) and policy (continue, stop), see {@link MARKS}. */
  marks: string;
}

/** The user is gone; not, and the report says so truly; something is wrong; there is no such cell. */
export const MARKS = { gone: 'g', reported: 'r', wrong: 'w', none: '-' } as const;

/** Everything that a run of the matrix found: what `--json` prints, and what the page and docs/reliability.md show. */
export interface FaultResults {
  seed: number;
  cells: number;
  combinations: number;
  failed: FailedCell[];
  numbers: MatrixNumbers;
  seconds: number;
  matrix: MatrixRow[];
}

/** Sums up what was judged. */
export function resultsOf(
  { judged, numbers }: JudgedMatrix,
  { seed, seconds }: { seed: number; seconds: number },
): FaultResults {
  const failed = judged
    .filter(({ judgement }) => !judgement.ok)
    .map(({ trial, judgement }) => ({
      ...wordsOf(trial),
      policy: trial.policy,
      expected: judgement.expected,
      got: judgement.got,
    }));
  const cells = judged.flatMap(({ task, judgement }) =>
    'cell' in task ? [{ cell: task.cell, mark: markOf(judgement) }] : [],
  );
  return {
    seed,
    cells: cells.length,
    combinations: judged.length - cells.length,
    failed,
    numbers,
    seconds: Math.round(seconds),
    matrix: rowsOf(cells),
  };
}

function markOf({ ok, completed }: { ok: boolean; completed: boolean }): string {
  if (!ok) return MARKS.wrong;
  return completed ? MARKS.gone : MARKS.reported;
}

function rowsOf(cells: readonly { cell: Cell; mark: string }[]): MatrixRow[] {
  const rows = new Map<string, { row: Omit<MatrixRow, 'marks'>; marks: string[] }>();
  for (const { cell, mark } of cells) {
    const { flow, call, fault, when, policy } = cell;
    const key = `${flow} ${call} ${fault}`;
    const row = rows.get(key) ?? {
      row: { flow, call, fault },
      marks: Array<string>(WHENS.length * POLICIES.length).fill(MARKS.none),
    };
    row.marks[WHENS.indexOf(when) * POLICIES.length + POLICIES.indexOf(policy)] = mark;
    rows.set(key, row);
  }
  return [...rows.values()].map(({ row, marks }) => ({ ...row, marks: marks.join('') }));
}
