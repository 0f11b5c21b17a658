import type { Effect } from '../tasks/define';
import {
  PROXY_AWAY,
  PROXY_REFUSED,
  PROXY_UNAUTHORIZED,
  PROXY_UNREACHABLE,
  PROXY_UNTRUSTED,
  TLS_CODE,
  UNKNOWN_HERE,
} from './connector';
import { NOT_HTTP, TOO_LATE_TO_SEND, TOTAL_TIMEOUT } from './exchange';
import { NOT_PUBLIC } from './public-lookup';

/** What is wrong with a response. */
export type Unexpected =
  'redirect' | 'status' | 'tooLarge' | 'compressed' | 'notJson' | 'malformed' | 'tooDeep' | 'shape' | 'unreadable';

const UNEXPECTED: Record<Unexpected, string> = {
  redirect:
    'it redirected the call, which is not followed: keys only ever go to the service itself. Check the base URL.',
  status: 'it answered with a status that is none of expectedStatuses.',
  tooLarge: 'its answer is larger than the task allows.',
  compressed:
    'its response is compressed in a way that is not supported, or its compressed body is corrupt; gzip, deflate and br are.',
  notJson: 'its answer is not JSON. Check the base URL: a proxy or another server may have answered.',
  malformed: 'its answer is not well-formed JSON.',
  tooDeep: 'its answer is nested deeper than can be handled.',
  unreadable: 'its answer cannot be read.',
  shape: 'its answer does not have the form that the task describes.',
};

/** Describes an invalid response; `where` is the field at fault. */
export function describeUnexpected(what: Unexpected, where?: string): string {
  return UNEXPECTED[what] + (where === undefined ? '' : ` The field at fault is ${where}.`);
}

const CAUSES: Record<string, string> = {
  [TOTAL_TIMEOUT]: 'the call took longer than its total time-out',
  [TOO_LATE_TO_SEND]: 'the call came to its turn too long after its intent was recorded',
  [NOT_HTTP]: 'the answer is not HTTP, or broke off',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer began in time',
  UND_ERR_BODY_TIMEOUT: 'the answer fell silent before its end',
  UND_ERR_SOCKET: 'the connection was closed before the whole answer arrived',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection was closed before the whole answer arrived',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too large',
  UND_ERR_DESTROYED: 'this process is shutting down',
  UND_ERR_CLOSED: 'this process is shutting down',
  UND_ERR_INVALID_ARG: 'the input makes a request that HTTP cannot carry',
  UND_ERR_NOT_SUPPORTED: 'the input makes a request that HTTP cannot carry',
  TRUNCATED: 'the answer broke off',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  [NOT_PUBLIC]:
    'the host name leads to an address that is not public. The operator allows such an origin with HTTP_TASKS_HTTP_ALLOW_PRIVATE',
  [PROXY_UNREACHABLE]: 'the proxy cannot be reached, or did not answer in time',
  [PROXY_UNTRUSTED]: 'the TLS certificate or handshake of the proxy was not accepted',
  [PROXY_AWAY]: 'the proxy could not make a connection at the moment',
  [PROXY_REFUSED]:
    'the proxy refused to make a connection. Check HTTP_TASKS_PROXY, and whether the proxy lets calls to this host through',
  [PROXY_UNAUTHORIZED]: 'the proxy refused its user and password. Check HTTP_TASKS_PROXY',
  [UNKNOWN_HERE]:
    'the host name is not known here, where it has to be checked that it leads to public addresses. HTTP_TASKS_PROXY_LOOKUP=proxy leaves that to the proxy',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no connection came about in time',
};

/** Describes a call without a response. */
export function describeLoss(code: string, sent: boolean, effect: Effect): string {
  const cause = `${describeTransport(code)}.`;
  if (!sent) return `${cause} Nothing was sent.`;
  return effect === 'irreversible'
    ? `${cause} The call was sent and may have been carried out or not. Look before it is sent again.`
    : `${cause} The call was sent; repeating it does no harm.`;
}

/** Describes a transport error code, as a clause without a full stop. */
export function describeTransport(code: string): string {
  return CAUSES[code] ?? otherCause(code);
}

function otherCause(code: string): string {
  if (TLS_CODE.test(code)) return `the TLS certificate or handshake was not accepted (${code})`;
  return 'the connection failed';
}
