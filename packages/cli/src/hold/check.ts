import type { SubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withInterruption } from '../terminal/interruption';
import { print, printable, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { environmentProblemOfRow, viewsProblem, workerViews } from '../users/user-subjects';
import type { AllUserIds } from '../users/user-subjects';
import { fileOptions, readHoldFile } from './file';
import { requireEnvironment, requireEnvironmentOfFile, requireIds } from './hold-options';
import type { HoldOptions } from './hold-options';
import { environmentsText, holdDocument } from './list';
import { idsOfOptions, sayUnlikelyIds } from '../users/unlikely-ids';

/** Rows of a file that are looked up together. */
const ROWS_IN_ONE = 1_000;

/** Which holds stop a worker, by the worker's environment. */
type Found = Map<string, string[]>;

/** Says whether a worker would stop for these IDs; asks the ledger for what the worker asks it for. Exit 0 either way. */
export async function checkHold(io: Io, options: HoldOptions): Promise<ExitCode> {
  const ids = requireIds(options);
  requireEnvironment(ids, options);
  const tooMany = viewsProblem(ids, options.environment);
  if (tooMany !== undefined) throw new Refusal('Usage', `${capitalized(tooMany)}.`, 'environment');
  return withWorkersLedger<ExitCode>(io, async ({ ledger, hasher }) => {
    const found: Found = new Map();
    const environments: Record<string, { held: boolean; holds: string[] }> = {};
    for (const { environment, subjects } of workerViews(ids, hasher, options.environment)) {
      const [held, naming] = await Promise.all([ledger.isHeld(subjects), ledger.holds.naming(subjects)]);
      const holds = unique(naming.map(({ holdId }) => holdId));
      found.set(environment, holds);
      environments[environment] = { held, holds };
    }
    const holds = await ledger.holds.list({ holdIds: unique([...found.values()].flat()) });
    await sayUnlikelyIds(io, idsOfOptions(ids));
    const held = Object.values(environments).every((one) => one.held);
    if (options.json) {
      printJson(io, { held, environments, holds: holds.map(holdDocument) });
      return 0;
    }
    const named = new Map(holds.map((hold) => [hold.holdId, hold]));
    const rows = Object.entries(environments).map(([environment, one]) => {
      const lines = one.holds.map((id) =>
        `${id} ${environmentsText(named.get(id)?.environments)} ${named.get(id)?.reason ?? ''}`.trim(),
      );
      return [environment, one.held ? 'held' : 'not held', lines.join('\n')];
    });
    printTable(io, ['Worker in', 'Held', 'Holds'], rows);
    print(io, printable(verdict(environments)));
    return 0;
  });
}

function verdict(environments: Readonly<Record<string, { held: boolean }>>): string {
  const names = (held: boolean): string[] =>
    Object.keys(environments).filter((name) => environments[name]?.held === held);
  const [held, free] = [names(true), names(false)];
  if (free.length === 0) return 'Held: a worker that is given these IDs stops before it removes anything.';
  if (held.length === 0) return 'Not held: a worker that is given these IDs does not stop.';
  return `Held only for a worker in ${held.join(', ')}. Not held for one in ${free.join(', ')}.`;
}

/** The same for each row of a file. */
export async function checkHoldsOfFile(io: Io, file: string, options: HoldOptions): Promise<ExitCode> {
  requireEnvironmentOfFile(options);
  return withInterruption(({ signal }) =>
    withWorkersLedger<ExitCode>(io, async (opened) => {
      const rows: { line: number; held: boolean; heldIn: string[]; holds: string[] }[] = [];
      let bad = 0;
      let some: { line: number; ids: AllUserIds }[] = [];
      const flush = async (): Promise<void> => {
        for (const { line, found } of await lookUp(opened, some, options.environment)) {
          const heldIn = [...found].filter(([, holds]) => holds.length > 0).map(([environment]) => environment);
          rows.push({ line, held: heldIn.length === found.size, heldIn, holds: unique([...found.values()].flat()) });
        }
        some = [];
      };
      for await (const row of readHoldFile(file, await fileOptions(io, options, opened, signal))) {
        const problem =
          'problem' in row
            ? row.problem
            : (environmentProblemOfRow(row.ids, options.environment) ?? viewsProblem(row.ids, options.environment));
        if (problem !== undefined) {
          bad += 1;
          say(io, printable(`line ${row.line}: ${problem}`));
        } else if (!('problem' in row)) some.push(row);
        if (some.length === ROWS_IN_ONE) await flush();
      }
      await flush();
      if (bad > 0)
        throw new Refusal(
          'Task.InvalidInput',
          `--file ${file}: ${bad === 1 ? '1 row is' : `${bad} rows are`} wrong, so the file was not checked.`,
          'file',
        );
      report(io, rows, options.json === true);
      return 0;
    }),
  );
}

function report(io: Io, rows: readonly { line: number; held: boolean; heldIn: string[] }[], json: boolean): void {
  const counts = {
    held: rows.filter(({ held }) => held).length,
    heldInPart: rows.filter(({ held, heldIn }) => !held && heldIn.length > 0).length,
    notHeld: rows.filter(({ heldIn }) => heldIn.length === 0).length,
  };
  if (json) {
    printJson(io, { ...counts, rows });
    return;
  }
  for (const { line, held, heldIn } of rows) {
    if (held) continue;
    print(
      io,
      heldIn.length === 0 ? `line ${line}: not held` : `line ${line}: held only for a worker in ${heldIn.join(', ')}`,
    );
  }
  print(
    io,
    `${counts.held} of ${rows.length} rows are held in every environment, ${counts.heldInPart} in some, ${counts.notHeld} in none.`,
  );
}

/** One question for many rows, under the condition of `Ledger.isHeld`. */
async function lookUp(
  { ledger, hasher }: { ledger: OpenedLedger['ledger']; hasher: SubjectHasher },
  rows: readonly { line: number; ids: AllUserIds }[],
  only: string | undefined,
): Promise<{ line: number; found: Found }[]> {
  const asked = rows.map(({ line, ids }) => ({ line, views: workerViews(ids, hasher, only) }));
  const subjects = asked.flatMap(({ views }) => views.flatMap((view) => view.subjects));
  const holdsOf = new Map<string, string[]>();
  for (const { subject, holdId } of await ledger.holds.naming(subjects))
    holdsOf.set(subject, [...(holdsOf.get(subject) ?? []), holdId]);
  return asked.map(({ line, views }) => ({
    line,
    found: new Map(
      views.map((view) => [view.environment, unique(view.subjects.flatMap((subject) => holdsOf.get(subject) ?? []))]),
    ),
  }));
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
