import type { Client } from '@temporalio/client';
import type { TaskSearch } from '../openapi/search';
import type { SnippetPlace } from '../reference/snippets/snippets';
import type { Catalogue } from '../tasks/catalogue';
import type { HttpTask } from '../tasks/define';
import { GatewayRefusal } from './http-error';
import type { GatewaySecrets } from './secrets';

/** How the gateway reaches Temporal. */
export interface GatewayTemporal {
  /** Connects when it is first used. */
  client: Client;
  /** Address and namespace, for messages. */
  where: string;
  /** The address of the Temporal UI, when it is known. */
  ui?: string;
  /** What an error of the client means, for a person; undefined when it means nothing in particular. */
  explain(error: unknown): string | undefined;
}

/** What the routes of the gateway share. */
export interface GatewayParts {
  catalogue: Catalogue;
  search: TaskSearch<HttpTask>;
  secrets: GatewaySecrets;
  place: SnippetPlace;
  temporal?: GatewayTemporal;
  version: string;
  /** Told what nobody foresaw, without secrets. */
  report: (line: string) => void;
}

/** The task of this name; the gateway calls nothing else. */
export function taskNamed({ catalogue }: GatewayParts, name: string): HttpTask {
  const task = catalogue.find(name);
  if (!task) throw new GatewayRefusal(404, 'NotFound', `There is no task "${name}" here.`);
  return task;
}

/** @throws GatewayRefusal when the gateway was started without Temporal. */
export function temporalOf({ temporal }: GatewayParts): GatewayTemporal {
  if (!temporal) throw new GatewayRefusal(503, 'TemporalUnavailable', 'This gateway knows no Temporal server.');
  return temporal;
}

/** Does something with Temporal; what keeps the server from answering is told in words. */
export async function withTemporal<T>(parts: GatewayParts, use: (temporal: GatewayTemporal) => Promise<T>): Promise<T> {
  const temporal = temporalOf(parts);
  try {
    return await use(temporal);
  } catch (error) {
    const message = error instanceof GatewayRefusal ? undefined : temporal.explain(error);
    if (message !== undefined) throw new GatewayRefusal(503, 'TemporalUnavailable', message);
    throw error;
  }
}

/** Where the UI shows a run. */
export function runUrl(
  { temporal, place }: GatewayParts,
  { workflowId, runId }: { workflowId: string; runId: string },
): { url?: string } {
  if (temporal?.ui === undefined) return {};
  return {
    url: `${temporal.ui}/namespaces/${encodeURIComponent(place.namespace)}/workflows/${encodeURIComponent(workflowId)}/${runId}`,
  };
}
