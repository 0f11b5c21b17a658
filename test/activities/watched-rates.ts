import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type {
  ResponseCounts,
  LeaseTokens,
  RateLedger,
  TokenLease,
} from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';

/** The rates of a real ledger, with a record of what is asked, and control of when the result arrives. */
export interface WatchedRates {
  rates: RateLedger;
  /** What was returned, in order. */
  leases: (Pick<LeaseTokens, 'want' | 'caller' | 'responses'> & Pick<TokenLease, 'tokens'>)[];
  reports: ResponseCounts[];
  /** The most queries that were ever in flight at the same time. */
  mostConcurrent(): number;
  /** From now on the ledger responds, and its responses arrive only when the returned function is called. */
  holdResponses(): () => void;
  /** Whether the ledger cannot be reached. */
  away: boolean;
}

export function watch(real: RateLedger): WatchedRates {
  let inProgress = 0;
  let most = 0;
  let gate = Promise.resolve();
  const through = async <T>(ask: () => Promise<T>): Promise<T> => {
    inProgress += 1;
    most = Math.max(most, inProgress);
    try {
      if (watched.away) throw new LedgerUnavailableError('It is away.');
      const response = await ask();
      await gate;
      return response;
    } finally {
      inProgress -= 1;
    }
  };
  const watched: WatchedRates = {
    leases: [],
    reports: [],
    away: false,
    mostConcurrent: () => most,
    holdResponses: () => {
      let open = (): void => undefined;
      gate = new Promise((resolve) => (open = resolve));
      return () => open();
    },
    rates: {
      ...real,
      leaseTokens: (asked) =>
        through(async () => {
          const lease = await real.leaseTokens(asked);
          const { want, caller, responses } = asked;
          watched.leases.push({ want, caller, responses, tokens: lease.tokens });
          return lease;
        }),
      reportResponses: (report) =>
        through(async () => {
          const response = await real.reportResponses(report);
          watched.reports.push(report.responses);
          return response;
        }),
    },
  };
  return watched;
}
