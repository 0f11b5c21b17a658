import type { DurableCall, TestResponse } from '../gateway/wire.js';
import { details, element, outsideLink, table } from './dom.js';
import { jsonView } from './json-view.js';
import { facts } from './page-parts.js';
import { failureView } from './run-steps.js';

/** Shows the result of a direct call. */
export function responseView(response: TestResponse): HTMLElement {
  const { ok, status, reason = '', timeMs, requestId, environment, headers, body, failure, receipts, note } = response;
  return element(
    'div',
    {},
    statusLine(ok, status === undefined ? 'No response' : `${status} ${reason}`),
    facts([
      ['Time', `${timeMs.toLocaleString('en')} ms`],
      ['Request ID', requestId],
      ['Environment', environment],
      ['Receipts', receipts === undefined ? undefined : element('code', { text: `http-tasks receipts ${receipts}` })],
    ]),
    failure && failureView(failure),
    note !== undefined && element('p', { class: 'hint', text: note }),
    body !== undefined && jsonView(body),
    headers &&
      details(
        'Headers',
        table(
          'Response headers',
          ['Header', 'Value'],
          Object.entries(headers).map(([name, value]) => [element('code', { text: name }), value]),
        ),
      ),
  );
}

/** Shows the state or the result of a durable call. */
export function durableView(call: DurableCall): HTMLElement {
  const { status, workflowId, url, attempt, lastFailure, nextTryAt, result, failure } = call;
  const running = status === 'RUNNING';
  const text = running
    ? 'Running'
    : result
      ? `${result.status}, completed`
      : status.charAt(0) + status.slice(1).toLowerCase().replaceAll('_', ' ');
  return element(
    'div',
    {},
    statusLine(running ? undefined : result !== undefined, text),
    facts([
      ['Run', url === undefined ? workflowId : outsideLink(url, `${workflowId} in the Temporal UI`)],
      ['Attempt', (attempt ?? result?.attempt)?.toString()],
      ['Next try', nextTryAt === undefined ? undefined : new Date(nextTryAt).toLocaleTimeString()],
      ['Request ID', result?.requestId],
      ['Receipts', running ? undefined : element('code', { text: `http-tasks receipts ${workflowId}` })],
    ]),
    lastFailure !== undefined && element('p', { class: 'warning', text: `Last attempt: ${lastFailure}` }),
    failure && failureView(failure),
    result && jsonView(result.output),
  );
}

function statusLine(ok: boolean | undefined, text: string): HTMLElement {
  const kind = ok === undefined ? 'running' : ok ? 'good' : 'bad';
  return element('p', { class: `status ${kind}`, text, attributes: { role: 'status' } });
}
