import { httpTask } from 'temporal-http-tasks/workflow';
import { ticketCreate, ticketGet } from './tickets';

export * from 'temporal-http-tasks/workflow';

/** Opens a ticket and returns its state. */
export async function askForHelp(request: {
  reference: string;
  title: string;
}): Promise<{ ticket: string; state: 'open' | 'closed' }> {
  const { ticket } = await httpTask(ticketCreate)({ queue: 'privacy', ...request });
  const { state } = await httpTask(ticketGet)({ ticket });
  return { ticket, state };
}
