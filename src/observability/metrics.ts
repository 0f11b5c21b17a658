import { noopMetricMeter } from '@temporalio/common';
import type { MetricCounter, MetricGauge, MetricHistogram, MetricMeter } from '@temporalio/common';
import { METRICS } from './metric-names';
import type { CounterName, GaugeName, HistogramName } from './metric-names';

/**
 * Sums counts that occur thousands of times per second and passes the sum on at intervals, because each call into the
 * SDK's native part costs some microseconds.
 */
export class GatheredCounter {
  readonly #counter: MetricCounter;
  #added = 0;

  /** @param counter With its tags. */
  constructor(counter: MetricCounter) {
    this.#counter = counter;
  }

  add(howMany = 1): void {
    this.#added += howMany;
  }

  flush(): void {
    if (this.#added === 0) return;
    this.#counter.add(this.#added);
    this.#added = 0;
  }
}

type Tags = Readonly<Record<string, string>>;

/** Interval at which counters are passed on and gauges set, in milliseconds. */
const FLUSH_MS = 1_000;

/**
 * The package's own metrics, recorded with the meter of Temporal's SDK, so that the process's metrics endpoint serves
 * both. Tags contain names such as tasks, services and outcomes, never an ID and never more values than configured.
 *
 * Without a meter, or with a no-op meter, recording costs nothing.
 */
export class Metrics {
  #instruments: Instruments | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #atFlush: (() => void)[] = [];

  /** Whether metrics are recorded. */
  get isOn(): boolean {
    return this.#instruments !== undefined;
  }

  /** Starts recording. Values from before are lost. */
  start(meter: MetricMeter): void {
    if (meter === noopMetricMeter || this.#instruments) return;
    this.#instruments = new Instruments(meter);
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS);
    this.#timer.unref();
  }

  /** Passes on the accumulated counts and stops recording. */
  stop(): void {
    clearInterval(this.#timer);
    this.#flush();
    this.#instruments = undefined;
  }

  /** Registers a function to call right before metrics are passed on, once a second. */
  beforeFlush(work: () => void): void {
    this.#atFlush.push(work);
  }

  /** Adds to a counter. The caller must keep one `tags` object per set of values, because look-ups use its identity. */
  add(name: CounterName, tags: Tags, howMany = 1): void {
    this.#instruments?.counter(name, tags).add(howMany);
  }

  /** Records one value of a distribution; `tags` as for {@link add}. */
  record(name: HistogramName, tags: Tags, value: number): void {
    this.#instruments?.histogram(name, tags).record(value);
  }

  set(name: GaugeName, tags: Tags, value: number): void {
    this.#instruments?.gauge(name).set(value, tags);
  }

  #flush(): void {
    if (!this.#instruments) return;
    for (const work of this.#atFlush) work();
    this.#instruments.flush();
  }
}

/** The instruments of a meter, each created at its first use. */
class Instruments {
  readonly #meter: MetricMeter;
  readonly #counters = new Map<CounterName, MetricCounter>();
  readonly #histograms = new Map<HistogramName, MetricHistogram>();
  readonly #gauges = new Map<GaugeName, MetricGauge>();
  readonly #gathered = new Map<CounterName, Map<Tags, GatheredCounter>>();
  readonly #recorders = new Map<HistogramName, Map<Tags, MetricHistogram>>();

  constructor(meter: MetricMeter) {
    this.#meter = meter;
  }

  counter(name: CounterName, tags: Tags): GatheredCounter {
    const byTags = getOrCreate(this.#gathered, name, () => new Map<Tags, GatheredCounter>());
    return getOrCreate(byTags, tags, () => {
      const counter = getOrCreate(this.#counters, name, () => this.#meter.createCounter(name, '', METRICS[name].help));
      return new GatheredCounter(counter.withTags(tags));
    });
  }

  histogram(name: HistogramName, tags: Tags): MetricHistogram {
    const byTags = getOrCreate(this.#recorders, name, () => new Map<Tags, MetricHistogram>());
    return getOrCreate(byTags, tags, () =>
      getOrCreate(this.#histograms, name, () =>
        this.#meter.createHistogram(name, 'float', '', METRICS[name].help),
      ).withTags(tags),
    );
  }

  gauge(name: GaugeName): MetricGauge {
    return getOrCreate(this.#gauges, name, () => this.#meter.createGauge(name, 'float', '', METRICS[name].help));
  }

  flush(): void {
    for (const byTags of this.#gathered.values()) for (const counter of byTags.values()) counter.flush();
  }
}

function getOrCreate<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    map.set(key, found);
  }
  return found;
}
