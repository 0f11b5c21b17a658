import type { Repeat, Repeats, StateFigures } from './control-responses';

type RepeatKind = keyof Repeats;

/** Counts repeated requests for an effect. The first request is recorded in the provider's state, not here. */
export class RepeatLog {
  private readonly entries: Record<RepeatKind, Map<string, Repeat>> = {
    irreversible: new Map(),
    repeatSafe: new Map(),
    refused: new Map(),
  };
  private readonly counts = { irreversible: 0, repeatSafe: 0, refused: 0 };

  note(kind: RepeatKind, about: Omit<Repeat, 'times'>): void {
    const key = JSON.stringify([about.endpoint, about.app, about.user, about.item]);
    const known = this.entries[kind].get(key);
    if (known) known.times += 1;
    else this.entries[kind].set(key, { ...about, times: 1 });
    this.counts[kind] += 1;
  }

  list(): Repeats {
    const copy = (kind: RepeatKind): Repeat[] => [...this.entries[kind].values()].map((repeat) => ({ ...repeat }));
    return { irreversible: copy('irreversible'), repeatSafe: copy('repeatSafe'), refused: copy('refused') };
  }

  figures(): StateFigures['repeatCounts'] {
    return { ...this.counts };
  }

  clear(): void {
    for (const kind of ['irreversible', 'repeatSafe', 'refused'] as const) {
      this.entries[kind].clear();
      this.counts[kind] = 0;
    }
  }
}
