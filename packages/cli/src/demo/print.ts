import type { StateFigures } from '@temporal-http-tasks/testing/internal/simulators/control-responses';
import type { RunningSimulator } from '@temporal-http-tasks/testing/internal/simulators/simulator';
import { SingleBar } from 'cli-progress';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { CompensationLine, OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { Outcome, RunStatus } from 'temporal-http-tasks/internal/policy/outcome';
import type { Io } from '../program/io';
import { paint, print, printable, printLines, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { inWords } from '../terminal/words';
import type { FaultSummary } from './provider-state';
import type { Problem, ProblemKind, RunOfUser } from './demo-users';
import type { Verdict } from './verdict';

const MAX_WIDTH = 100;

/** Prints the outcome of every user at every step. */
export function printOutcomes(io: Io, runs: readonly RunOfUser[]): void {
  heading(io, 'Outcome of each user');
  const rows = runs.map(({ member, result }) => [
    member.label,
    statusText(io, result?.status),
    cell(io, result, (step) => step === 'plaid.items'),
    productsAndUser(
      cell(io, result, (step) => step === 'plaid.products'),
      cell(io, result, (step) => step === 'plaid.user'),
    ),
    cell(io, result, (step) => step.startsWith('batch')),
    cell(io, result, (step) => step.startsWith('courier.')),
  ]);
  printTable(io, ['User', 'Status', 'Items', 'Products, user', 'Batch', 'Courier'], rows);
}

/** Prints, for every run that did not complete, what is done and irreversible, what is not done, and what can be done. */
export function printCompensations(io: Io, runs: readonly RunOfUser[]): void {
  const unfinished = runs.flatMap(({ member, result }) =>
    result && result.compensations.length > 0 ? [{ member, result }] : [],
  );
  if (unfinished.length === 0) return;
  heading(io, 'Compensation log of the runs that could not finish');
  for (const [index, { member, result }] of unfinished.entries()) {
    if (index > 0) print(io, '');
    print(io, `${printable(member.label)}: ${statusText(io, result.status)}`);
    for (const [first, ...others] of groups(result.compensations)) {
      if (!first) continue;
      const steps = [first, ...others].map(({ step }) => step).join(', ');
      const evidence = [first, ...others].map((line) => line.evidence).filter(Boolean);
      printLines(io, wrapped(`${steps}: ${inWords(first.outcome)}. ${first.remedy}`, widthOf(io)));
      for (const text of evidence) print(io, paint(io, 'dim', `    ${text}`));
    }
  }
}

/** Prints which faults happened to which calls. */
export function printFaults(io: Io, faults: readonly FaultSummary[]): void {
  heading(io, `Faults that the simulators injected: ${sumOf(faults, 'fired')} of ${sumOf(faults, 'planned')}`);
  const endpoints = [...new Set(faults.map(({ endpoint }) => endpoint))];
  const rows = endpoints.map((endpoint) => {
    const own = faults.filter((fault) => fault.endpoint === endpoint);
    const kinds = own.map(({ kind, fired }) => (fired === 1 ? kind : `${kind} ×${fired}`)).join(', ');
    return [`${own[0]?.provider}.${endpoint}`, `${sumOf(own, 'fired')} of ${sumOf(own, 'planned')}`, kinds];
  });
  printTable(io, ['Call', 'Injected', 'Faults'], rows);
}

function sumOf(faults: readonly FaultSummary[], figure: 'planned' | 'fired'): number {
  return faults.reduce((sum, fault) => sum + fault[figure], 0);
}

/** Prints a title below an empty line. */
export function heading(io: Io, title: string): void {
  printLines(io, `\n${paint(io, 'bold', title)}`);
}

function statusText(io: Io, status: RunStatus | undefined): string {
  if (status === undefined) return paint(io, 'red', 'no result');
  return paint(io, status === 'completed' ? 'green' : 'yellow', status);
}

/** Few runs remove the user at Plaid, so that it has no column of its own, with which the table would not fit 80 columns. */
function productsAndUser(products: string, user: string): string {
  return user === '' ? products : `${products}\nuser ${user}`;
}

/** All results of one step, or of one step for each app; equal ones are shown once. */
function cell(io: Io, result: OffboardResult | undefined, isStep: (name: string) => boolean): string {
  const texts = (result?.steps ?? []).filter(({ step }) => isStep(step)).map((step) => outcomeText(io, step));
  return [...new Set(texts)].join('\n');
}

function outcomeText(io: Io, { outcome, items, reason }: StepResult): string {
  if (outcome === 'skipped') return paint(io, 'dim', `– ${inWords(reason ?? outcome)}`);
  return paint(io, colourOf(outcome), items === undefined ? inWords(outcome) : `${inWords(outcome)} ×${items}`);
}

function colourOf(outcome: Outcome): 'green' | 'red' | 'yellow' {
  if (isGood(outcome)) return 'green';
  return outcome === 'failed' || outcome === 'unknown' ? 'red' : 'yellow';
}

/** Combines equal lines about several steps. */
function groups(lines: readonly CompensationLine[]): CompensationLine[][] {
  const byText = new Map<string, CompensationLine[]>();
  for (const line of lines) {
    const key = `${line.outcome} ${line.remedy}`;
    byText.set(key, [...(byText.get(key) ?? []), line]);
  }
  return [...byText.values()];
}

function widthOf({ stdout }: Io): number {
  return stdout.isTTY ? Math.min(MAX_WIDTH, stdout.columns) : MAX_WIDTH;
}

/** Wraps at spaces, indented by two. */
function wrapped(text: string, width: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width - 4) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, index) => `${index === 0 ? '  ' : '    '}${line}`).join('\n');
}

/** Maximum number of reasons that are printed. */
const MOST_PROBLEMS = 20;

/** Prints the verdict, line by line with the condition that each figure has to meet, and what broke it. */
export function printVerdict(
  io: Io,
  { verdict, problems }: { verdict: Verdict; problems: readonly Problem[] },
  bystanders: number,
): void {
  const has = (...kinds: ProblemKind[]): boolean => problems.some(({ kind }) => kinds.includes(kind));
  const line = (good: boolean, text: string): void =>
    print(io, `  ${good ? paint(io, 'green', '✔') : paint(io, 'red', '✘')} ${text}`);
  heading(io, "Verdict, from the simulators' own state");
  line(!has('left'), `${verdict.usersGone} of ${verdict.usersGone + verdict.usersLeft} users deleted everywhere`);
  line(!has('tooMuch'), 'nothing deleted of users on hold, and no Item that was not requested');
  line(!has('bystander'), `${verdict.bystandersTouched} of ${bystanders.toLocaleString('en')} bystanders touched`);
  line(!has('repeated'), `${verdict.irreversibleCallsRepeated} irreversible removals carried out twice`);
  line(!has('report'), "the report of every run matches the providers' state");
  print(
    io,
    paint(
      io,
      'dim',
      `  · ${verdict.repeatSafeCallsRepeated} repeat-safe calls carried out twice, which changes nothing`,
    ),
  );
  for (const { who, problem } of problems.slice(0, MOST_PROBLEMS))
    print(io, paint(io, 'red', printable(`    ${who}: ${problem}`)));
  if (problems.length > MOST_PROBLEMS) print(io, paint(io, 'red', `    and ${problems.length - MOST_PROBLEMS} more`));
  print(io, '');
  print(io, verdict.ok ? paint(io, 'green', 'PASS') : paint(io, 'red', 'FAIL'));
}

const REFRESH_MS = 150;

/** A simulator that counts its calls. */
type CountingSimulator = Pick<RunningSimulator, 'faults'> & { figures(): Pick<StateFigures, 'calls'> };

/** Shows the progress of the demo. */
export interface DemoProgress {
  ended(run: RunOfUser): void;
  stop(): void;
}

/** A bar in a terminal, else one line for each run that ended; both on stderr. */
export function showProgress(io: Io, total: number, simulators: readonly CountingSimulator[]): DemoProgress {
  return io.stderr.isTTY ? showBar(io, total, simulators) : sayEnds(io, total);
}

function sayEnds(io: Io, total: number): DemoProgress {
  let ended = 0;
  return {
    ended: ({ member, result }) => {
      ended += 1;
      say(
        io,
        `  ${String(ended).padStart(String(total).length)}/${total}  ${printable(member.label)}: ${result?.status ?? 'no result'}`,
      );
    },
    stop: () => undefined,
  };
}

function showBar(io: Io, total: number, simulators: readonly CountingSimulator[]): DemoProgress {
  const bar = new SingleBar({
    stream: io.stderr,
    format: '  {bar}  {value}/{total} users · {calls} calls · {faults} faults · {seconds} s',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
  });
  const startedAt = Date.now();
  const figures = (): Record<string, number> => ({
    calls: simulators.reduce((sum, simulator) => sum + simulator.figures().calls.total, 0),
    faults: simulators.flatMap(({ faults }) => faults.list().faults).reduce((sum, { fired }) => sum + fired, 0),
    seconds: Math.round((Date.now() - startedAt) / 1_000),
  });
  let ended = 0;
  bar.start(total, 0, figures());
  const timer = setInterval(() => bar.update(ended, figures()), REFRESH_MS);
  return {
    ended: () => {
      ended += 1;
      bar.update(ended, figures());
    },
    stop: () => {
      clearInterval(timer);
      bar.stop();
    },
  };
}
