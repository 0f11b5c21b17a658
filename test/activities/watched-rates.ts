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
  leases: (Pick<LeaseTokens, 'want' | 'caller' | 'answers'> & Pick<TokenLease, 'tokens'>)[];
  reports: ResponseCounts[];
  /** The most queries that were ever in flight at the same time. */
  mostAtOnce(): number;
  /** From now on the ledger responds, and its responses arrive only when the returned function is called. */
  holdAnswers(): () => void;
  /** Whether the ledger cannot be reached. */
  away: boolean;
}

export function watch(real: RateLedger): WatchedRates {
  let underWay = 0;
  let most = 0;
  let gate = Promise.resolve();
  const through = async <T>(ask: () => Promise<T>): Promise<T> => {
    underWay += 1;
    most = Math.max(most, underWay);
    try {
      if (watched.away) throw new LedgerUnavailableError('It is away.');
      const response = await ask();
      await gate;
      return response;
    } finally {
      underWay -= 1;
    }
  };
  const watched: WatchedRates = {
    leases: [],
    reports: [],
    away: false,
    mostAtOnce: () => most,
    holdAnswers: () => {
      let open = (): void => undefined;
      gate = new Promise((resolve) => (open = resolve));
      return () => open();
    },
    rates: {
      ...real,
      leaseTokens: (asked) =>
        through(async () => {
          const lease = await real.leaseTokens(asked);
          const { want, caller, answers } = asked;
          watched.leases.push({ want, caller, answers, tokens: lease.tokens });
          return lease;
        }),
      reportAnswers: (report) =>
        through(async () => {
          const response = await real.reportAnswers(report);
          watched.reports.push(report.answers);
          return response;
        }),
    },
  };
  return watched;
}
