import { http, httpPages, pollHttpTask } from '../../../src/workflow';
import type { Paging } from '../../../src/workflow';

export { httpTasksWorkflows, offboardUser, offboardUsers, runHttpTask } from '../../../src/workflow';

export async function readNumbers(uri: string, paging: Paging, maxPages: number, maxSize?: number): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { body } of httpPages({ uri }, { paging, maxPages, ...(maxSize !== undefined && { maxSize }) })) {
    numbers.push(...(body as { numbers: number[] }).numbers);
  }
  return numbers;
}

export async function awaitJob(uri: string, maxCalls: number, method?: 'POST'): Promise<unknown> {
  const { response } = await pollHttpTask(
    http.request,
    { uri, ...(method && { method }) },
    {
      until: ({ response: { body } }) => (body as { state: string }).state === 'done',
      every: 50,
      maxCalls,
    },
  );
  return response.body;
}
