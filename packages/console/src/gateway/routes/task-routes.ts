import { Hono } from 'hono';
import { refuseOtherConfirmation } from '../confirmation';
import { callDirectly } from '../direct-call';
import { readDurably, startDurably } from '../durable-call';
import { GatewayRefusal } from '../http-error';
import { CONFIRM_ENVIRONMENT, CONFIRM_TASK } from '../openapi-document';
import { taskNamed } from '../parts';
import type { GatewayParts } from '../parts';
import { prepareCall } from '../prepare-call';
import { taskLine, taskPage } from '../task-page';
import type { TaskPage, TestResponse } from '../wire';
import { productionOfWorkers } from '../workers';
import { callRequest, jsonBody, jsonValue } from './json-body';

/** Routes that find, show, prepare and call tasks. */
export function taskRoutes(parts: GatewayParts): Hono {
  return new Hono()
    .get('/tasks', (context) =>
      context.json(parts.search.find((context.req.query('query') ?? '').slice(0, 200)).map(taskLine)),
    )
    .get('/tasks/:name', async (context) => {
      const task = taskNamed(parts, context.req.param('name'));
      const workersProduction = await productionOfWorkers(parts, task.service.name);
      return context.json({
        ...taskPage(task),
        ...(workersProduction !== undefined && { workersProduction }),
      } satisfies TaskPage);
    })
    .post('/tasks/:name/prepare', async (context) => {
      const task = taskNamed(parts, context.req.param('name'));
      return context.json(prepareCall(parts, task, (await jsonBody(context, ['input']))['input']));
    })
    .post('/tasks/:name/test', async (context) => {
      const task = taskNamed(parts, context.req.param('name'));
      const { output: _, ...response } = await callDirectly(
        parts,
        task,
        await callRequest(context),
        context.req.raw.signal,
      );
      return context.json(response satisfies TestResponse);
    })
    .post('/tasks/:name/run', async (context) => {
      const task = taskNamed(parts, context.req.param('name'));
      return context.json(await startDurably(parts, task, await callRequest(context)), 201);
    })
    .get('/calls/:workflowId/:runId', async (context) => context.json(await readDurably(parts, context.req.param())));
}

/** Routes for OpenAPI and UTCP clients: the request is the task's input, the response its output or a failure. */
export function plainCallRoutes(parts: GatewayParts): Hono {
  const routes = new Hono().post('/:name', async (context) => {
    const task = taskNamed(parts, context.req.param('name'));
    const confirm = { task: context.req.header(CONFIRM_TASK), environment: context.req.header(CONFIRM_ENVIRONMENT) };
    refuseOtherConfirmation(task, confirm);
    const response = await callDirectly(
      parts,
      task,
      { input: await jsonValue(context), confirm },
      context.req.raw.signal,
    );
    if (response.ok) return context.json(response.output ?? null);
    const { status, requestId, failure } = response;
    // 502 with the provider's status in the failure: a 404 or 429 would look like one of the gateway itself.
    return context.json(
      {
        service: task.service.name,
        task: task.name,
        ...failure,
        ...(status && { status }),
        ...(requestId && { requestId }),
      },
      502,
    );
  });
  return routes.all('/:name', (context) => {
    taskNamed(parts, context.req.param('name'));
    context.header('allow', 'POST');
    throw new GatewayRefusal(405, 'Method', 'A task is called with POST.');
  });
}
