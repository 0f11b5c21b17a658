import { METRICS } from 'temporal-http-tasks/internal/observability/metric-names';
import { TASK_FAILURE_TYPES } from 'temporal-http-tasks/internal/tasks/failure';
import { textOf } from './files';
import { alerts, metricsInQueries, panels, queries, selectorsOf } from './queries';

// That a worker has all these metrics is shown where one runs: test/observability/worker.test.ts.

it('reads every query of dashboard and alert rules, and would notice a broken one', () => {
  expect(queries().length).toBeGreaterThan(25);
  for (const query of queries()) expect(selectorsOf(query).length).toBeGreaterThan(0);
  expect(() => selectorsOf('sum by (task) (rate(http_tasks_calls[1m])')).toThrow(SyntaxError);
});

it('chooses by labels that the metrics have', () => {
  const ours = queries()
    .flatMap(selectorsOf)
    .filter(({ metric }) => metric.startsWith('http_tasks_'));
  for (const { metric, labels } of ours) {
    const name = metric.replace(/_(bucket|sum|count)$/, '') as keyof typeof METRICS;
    const tags: readonly string[] = METRICS[name].tags;
    for (const label of labels)
      expect({ metric, label, known: tags.includes(label) }).toEqual({ metric, label, known: true });
  }
});

it('names failures by their types', () => {
  const types =
    queries()
      .join('\n')
      .match(/Task\.[A-Za-z]+/g) ?? [];
  expect(types.length).toBeGreaterThan(3);
  for (const type of types) expect(TASK_FAILURE_TYPES).toContain(type);
});

it('draws every metric of the package', () => {
  const drawn = [...metricsInQueries()].map((name) => name.replace(/_bucket$/, ''));
  expect(drawn).toEqual(expect.arrayContaining(Object.keys(METRICS)));
});

it('says with every alert and every panel what it means', () => {
  expect(new Set(alerts().map(({ alert }) => alert)).size).toBe(alerts().length);
  for (const { labels, annotations } of alerts()) {
    expect(['warning', 'critical']).toContain(labels['severity']);
    for (const text of [annotations['summary'], annotations['description']]) expect(text?.length).toBeGreaterThan(10);
  }
  for (const { type, description = '' } of panels()) if (type !== 'row') expect(description.length).toBeGreaterThan(10);
});

it('is described in the guide, metric by metric', () => {
  const guide = textOf('docs/observability.md');
  for (const [name, { kind, tags, help }] of Object.entries(METRICS)) {
    expect(guide).toContain(
      `| \`${name}\` | ${kind} | ${tags.map((tag) => `\`${tag}\``).join(', ')}${tags.length > 0 ? ' ' : ''}| ${help} |`,
    );
  }
});
