import type { ExitCode, Io } from '../program/io';
import type { TemporalOptions } from '../temporal/options';
import { inWords } from '../terminal/for-people';
import { paint, print, printable, printJson } from '../terminal/output';
import type { ProvidersOptions } from '../users/options';
import type { Finding } from './finding';
import { checkLedger } from './ledger-checks';
import { checkInstallation, checkSettings } from './local-checks';
import { checkTemporal } from './temporal-checks';

/** The options of `doctor`. */
export type DoctorOptions = ProvidersOptions & TemporalOptions & { json?: boolean };

const MARKS = { ok: ['green', '✓'], warn: ['yellow', '!'], fail: ['red', '✗'] } as const;

/** Checks everything that can be checked, prints it, and returns 1 if a check failed. */
export async function runDoctor(io: Io, options: DoctorOptions): Promise<ExitCode> {
  const settings = await checkSettings(io, options);
  const [ledger, temporal] = await Promise.all([checkLedger(io), checkTemporal(io, options)]);
  const findings = [...checkInstallation(), ...settings, ...ledger, ...temporal];
  const ok = findings.every(({ state }) => state !== 'fail');
  if (options.json) printJson(io, { ok, checks: findings });
  else for (const finding of findings) printFinding(io, finding);
  return ok ? 0 : 1;
}

function printFinding(io: Io, { check, state, message, toDo }: Finding): void {
  const [colour, mark] = MARKS[state];
  print(io, `${paint(io, colour, mark)} ${inWords(check)}: ${printable(message)}`);
  if (toDo !== undefined) print(io, `    ${printable(toDo)}`);
}
