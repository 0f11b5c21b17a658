import { showsState } from 'temporal-http-tasks/internal/policy/providers/path';
import type { StepDefinition } from 'temporal-http-tasks';
import { COURIER_STEPS } from '../providers/courier';
import { shortly } from './drive';
import { courierRun, driveCourier } from './simulated-courier';
import type { SimulatedCourier } from './simulated-courier';

const [, CONTACT, , ERASURE] = COURIER_STEPS as [
  StepDefinition,
  Extract<StepDefinition, { kind: 'once' }>,
  StepDefinition,
  StepDefinition,
];

describe('a condition on a list', () => {
  const told = (act: object, output: object): string[] => {
    const respond = () => ({ ok: true, attempt: 1, output });
    const courier = { respond, callMs: 1 } as unknown as SimulatedCourier;
    const { look: _look, ...blind } = CONTACT;
    const steps = [{ ...blind, after: [], act: { ...CONTACT.act, ...act } }];
    return shortly(driveCourier(courierRun(steps), courier).steps);
  };

  it.each<[object, object, string]>([
    [{ failed: [{ 'parts.ok': false }] }, { parts: [{ ok: true }, { ok: false }] }, 'failed/refused'],
    [{ failed: [{ 'parts.ok': false }] }, { parts: [{ ok: true }, { ok: true }] }, 'removed'],
    [{ failed: [{ 'parts.0.ok': false }] }, { parts: [{ ok: true }, { ok: false }] }, 'removed'],
    [{ failed: [{ 'parts.tags.state': 5 }] }, { parts: [{}, { tags: [{}, { state: '5' }] }] }, 'failed/refused'],
    [{ failed: [{ errors: { contains: 'locked' } }] }, { errors: ['late', 'is LOCKED'] }, 'failed/refused'],
    [{ failed: [{ errors: { exists: true } }] }, { errors: [] }, 'removed'],
    [{ failed: [{ errors: { exists: true } }] }, { errors: [{ code: 1 }] }, 'failed/refused'],
    [{ absent: [{ 'parts.left': 0 }] }, { parts: [{ left: 0 }, { left: 2 }] }, 'removed'],
    [{ absent: [{ 'parts.left': 0 }] }, { parts: [{ left: 0 }, { left: 0 }] }, 'notFound'],
    [{ absent: [{ 'parts.left': 0 }] }, { parts: [] }, 'removed'],
    [{ absent: [{ parts: { exists: false } }] }, { parts: [] }, 'notFound'],
  ])('%j is about all of %j', (conditions, output, expected) => {
    expect(told(conditions, output)).toEqual([`courier.contact ${expected}`]);
  });

  it('of a request is about all of its parts', () => {
    const outputs: object[] = [
      { data: [] },
      { data: { id: 'r_1' } },
      { parts: [{ state: 'done' }, { state: 'running' }] },
      { parts: [{ state: 'done' }, { state: 'done' }] },
    ];
    const respond = () => ({ ok: true, attempt: 1, output: outputs.shift() });
    const erasure = { ...ERASURE, state: 'parts.state', failed: ['rejected'], absent: undefined } as StepDefinition;
    const courier = { respond, callMs: 1 } as unknown as SimulatedCourier;
    expect(shortly(driveCourier(courierRun([erasure]), courier).steps)).toEqual(['courier.erasure removed']);
    expect(outputs).toEqual([]);
  });

  it('in a plan of an earlier version is about its first entry', () => {
    expect(showsState({ parts: [{ ok: true }, { ok: false }] }, [{ 'parts.ok': false }])).toBe(false);
    expect(showsState({ parts: [{ ok: false }, { ok: true }] }, [{ 'parts.ok': false }])).toBe(true);
  });
});
