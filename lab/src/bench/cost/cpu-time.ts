import { readFileSync } from 'node:fs';

/** Clock ticks in a second, as Linux reports times to processes. */
const TICKS = 100;

/** Returns the processor time that a process has used so far, in milliseconds; NaN where the kernel has no /proc. */
export function cpuMsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in parentheses, may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS;
  } catch {
    return Number.NaN;
  }
}
