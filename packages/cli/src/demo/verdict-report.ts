import type { Io } from '../io';
import { paint, print, printable } from '../output';
import { heading } from './report';
import type { Problem, ProblemKind } from './problem';
import type { Verdict } from './verdict';

/** More than this many reasons help nobody. */
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
  line(!has('left'), `${verdict.usersGone} users gone, ${verdict.usersLeft} left that had to go`);
  line(!has('tooMuch'), 'holds kept, and no Item removed that nobody asked for');
  line(!has('bystander'), `${verdict.bystandersTouched} of ${bystanders.toLocaleString('en')} bystanders touched`);
  line(!has('repeated'), `${verdict.irreversibleCallsRepeated} irreversible removals carried out twice`);
  line(!has('report'), 'every run reports what the providers hold');
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
  print(io, verdict.ok ? paint(io, 'green', 'The verdict holds.') : paint(io, 'red', 'The verdict does not hold.'));
}
