import { parser } from '@prometheus-io/lezer-promql';
import { textOf, yamlOf } from './files';

export const ALERTS = 'deploy/prometheus/alerts.yaml';
export const DASHBOARD = 'deploy/grafana/http-tasks.json';

/** A rule of Prometheus. */
export interface Alert {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface Panel {
  title: string;
  description?: string;
  type: string;
  targets?: { expr: string }[];
}

export function alerts(): Alert[] {
  return yamlOf<{ groups: { rules: Alert[] }[] }>(ALERTS).groups.flatMap(({ rules }) => rules);
}

export function panels(): Panel[] {
  return (JSON.parse(textOf(DASHBOARD)) as { panels: Panel[] }).panels;
}

/** Every query of alert rules and dashboard, with Grafana's own variables filled in as Grafana does. */
export function queries(): string[] {
  const drawn = panels().flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$__range', '3h')),
  );
  return [...alerts().map(({ expr }) => expr), ...drawn];
}

/** What a query reads: a metric, and the labels by which it chooses. */
export interface Selector {
  metric: string;
  labels: string[];
}

/** Reads a query by Prometheus' own grammar. @throws when it is none. */
export function selectorsOf(query: string): Selector[] {
  const selectors: Selector[] = [];
  parser.parse(query).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new SyntaxError(`no PromQL at ${from}: ${query}`);
      if (type.name === 'VectorSelector')
        selectors.push({ metric: query.slice(from, node.firstChild?.to ?? to), labels: [] });
      const label = type.name === 'LabelName' && node.parent?.name === 'UnquotedLabelMatcher';
      if (label) selectors.at(-1)?.labels.push(query.slice(from, to));
    },
  });
  return selectors;
}

/** Names of metrics that a worker has to have; `up` is Prometheus' own. */
export function metricsInQueries(): Set<string> {
  return new Set(
    queries()
      .flatMap(selectorsOf)
      .map(({ metric }) => metric)
      .filter((metric) => metric !== 'up'),
  );
}
