import type { FaultKind } from './control-api';
import type { CallFigures, CallList, CallRecord } from './control-responses';
import type { RecognisedCall } from './provider';

/** Records the progress of a call that has arrived. */
export interface OpenCall {
  /** To be called once, when the provider has executed the call; the client may learn of it later or never. */
  processed(): void;
  fault(kind: FaultKind): void;
  responded(status: number, code?: string): void;
}

interface Entry {
  seq: number;
  atMs: number;
  endpoint: string;
  user: string | undefined;
  users: number;
  app: string | undefined;
  items: readonly string[] | undefined;
  status: number | null;
  code: string | undefined;
  processed: boolean;
  fault: FaultKind | undefined;
}

/** The provider calls in order of arrival. Keeps the newest `limit` calls; the figures count all. */
export class CallLog {
  private entries: Entry[] = [];
  private figuresByEndpoint = new Map<string, { received: number; processed: number }>();
  private total = 0;

  constructor(private readonly limit: number) {}

  open(call: RecognisedCall): OpenCall {
    const figures = this.figuresOf(call.endpoint);
    figures.received += 1;
    this.total += 1;
    const entry: Entry = {
      seq: this.total,
      atMs: Date.now(),
      endpoint: call.endpoint,
      user: call.users.length === 1 ? call.users[0] : undefined,
      users: call.users.length,
      app: call.app,
      items: call.items,
      status: null,
      code: undefined,
      processed: false,
      fault: undefined,
    };
    this.entries.push(entry);
    this.dropOldest();
    return {
      processed: () => {
        entry.processed = true;
        figures.processed += 1;
      },
      fault: (kind) => {
        entry.fault = kind;
      },
      responded: (status, code) => {
        entry.status = status;
        entry.code = code;
      },
    };
  }

  list(after = 0, limit = Number.POSITIVE_INFINITY): CallList {
    const firstSeq = this.entries[0]?.seq ?? 1;
    const start = Math.max(0, after + 1 - firstSeq);
    const page = this.entries.slice(start, Math.min(this.entries.length, start + limit));
    return { calls: page.map(toRecord), total: this.total };
  }

  figures(): CallFigures {
    const byEndpoint: CallFigures['byEndpoint'] = {};
    let processed = 0;
    for (const [endpoint, figures] of this.figuresByEndpoint) {
      byEndpoint[endpoint] = { ...figures };
      processed += figures.processed;
    }
    return { total: this.total, processed, byEndpoint };
  }

  clear(): void {
    this.entries = [];
    this.figuresByEndpoint = new Map();
    this.total = 0;
  }

  private figuresOf(endpoint: string): { received: number; processed: number } {
    let figures = this.figuresByEndpoint.get(endpoint);
    if (!figures) {
      figures = { received: 0, processed: 0 };
      this.figuresByEndpoint.set(endpoint, figures);
    }
    return figures;
  }

  /** Drops a quarter of the limit at a time, so that the cost per call is constant. */
  private dropOldest(): void {
    if (this.entries.length > this.limit * 1.25) this.entries.splice(0, this.entries.length - this.limit);
  }
}

function toRecord(entry: Entry): CallRecord {
  return {
    seq: entry.seq,
    at: new Date(entry.atMs).toISOString(),
    endpoint: entry.endpoint,
    ...(entry.user !== undefined && { user: entry.user }),
    users: entry.users,
    ...(entry.app !== undefined && { app: entry.app }),
    ...(entry.items && { items: [...entry.items] }),
    status: entry.status,
    ...(entry.code !== undefined && { code: entry.code }),
    processed: entry.processed,
    ...(entry.fault !== undefined && { fault: entry.fault }),
  };
}
