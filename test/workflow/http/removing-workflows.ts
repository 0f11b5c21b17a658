import { httpTask } from '../../../src/workflow';
import { ticketRemove, ticketShred } from './ticket-removal';

export { httpTasksWorkflows, offboardUser, offboardUsers, runHttpTask } from '../../../src/workflow';

export async function removeTicket(id: string): Promise<unknown> {
  return httpTask(ticketRemove)({ id });
}

export async function shredTicket(id: string): Promise<unknown> {
  return httpTask(ticketShred)({ id });
}
