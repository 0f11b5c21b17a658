// Definitions are plain data. They come from the `/workflow` entry, so that workflows can import this file too.
import { defineHttpTask, defineService } from 'temporal-http-tasks/workflow';
import { z } from 'zod';

/** An invented ticket desk: where it is, how one signs in, how it words its errors. */
export const ticketDesk = defineService({
  name: 'desk',
  title: 'Ticket desk',
  environments: { default: 'https://desk.example.com' },
  defaultEnvironment: 'default',
  baseUrlSetting: 'DESK_BASE_URL',
  credentials: [{ setting: 'DESK_API_KEY', in: 'header', name: 'x-desk-key' }],
  errors: {
    fields: { code: 'error', requestId: 'trace' },
    rules: [
      { code: 'ticket_closed', failure: 'Task.Rejected', advice: 'Open the ticket again before you comment on it.' },
    ],
  },
});

/** Opens a ticket. The desk returns the same ticket for the same reference, so a call with a lost response may be repeated. */
export const ticketCreate = defineHttpTask({
  service: ticketDesk,
  operation: 'ticketCreate',
  summary: 'Open a ticket',
  method: 'POST',
  path: '/queues/{queue}/tickets',
  places: { queue: 'path' },
  input: z.strictObject({ queue: z.string().min(1), reference: z.string().min(1), title: z.string().max(200) }),
  output: z.looseObject({ ticket: z.string() }),
  effect: 'repeatSafe',
  settle: { by: 'repeat', basis: 'documented' },
  remedy: 'Close the ticket at the desk.',
});

/** Reads a ticket. Changes nothing. */
export const ticketGet = defineHttpTask({
  service: ticketDesk,
  operation: 'ticketGet',
  summary: 'Read a ticket',
  method: 'GET',
  path: '/tickets/{ticket}',
  places: { ticket: 'path' },
  input: z.strictObject({ ticket: z.string().min(1) }),
  output: z.looseObject({ state: z.enum(['open', 'closed']) }),
  effect: 'read',
});
