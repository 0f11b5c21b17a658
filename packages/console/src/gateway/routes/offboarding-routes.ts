import { Hono } from 'hono';
import { offboardingForm, offboardingProblems } from '../offboarding-form';
import type { GatewayParts } from '../parts';
import { startOffboarding } from '../start-offboarding';
import { callRequest, jsonBody } from './json-body';

/** Routes that offboard one user: the form, the check of an input, and the start. */
export function offboardingRoutes(parts: GatewayParts): Hono {
  return new Hono()
    .get('/offboardings/form', async (context) => context.json(await offboardingForm(parts)))
    .post('/offboardings/check', async (context) =>
      context.json({ problems: offboardingProblems(parts, (await jsonBody(context, ['input']))['input']) }),
    )
    .post('/offboardings', async (context) =>
      context.json(await startOffboarding(parts, await callRequest(context)), 201),
    );
}
