import { setImmediate as turn } from 'node:timers/promises';
import { KeySlot } from 'temporal-http-tasks/internal/activities/sweep/key-slot';
import type { Admission } from 'temporal-http-tasks/internal/activities/sweep/key-slot';

const entered = async (slot: KeySlot, beganAtMs = 0): Promise<Admission> => {
  const answer = await slot.enter(beganAtMs);
  if (answer === 'refused') throw new Error('The gate refused.');
  return answer;
};

/** What the gate has said by now; undefined while it lets wait. */
function listen(slot: KeySlot, beganAtMs: number): { said?: string } {
  const heard: { said?: string } = {};
  void Promise.resolve(slot.enter(beganAtMs)).then((said) => {
    heard.said = said;
  });
  return heard;
}

describe('the gate of a key', () => {
  let slot: KeySlot;

  beforeEach(() => {
    slot = new KeySlot({ service: 'plaid' });
  });

  it('lets 64 calls through at once, and the others in the order in which they came', async () => {
    for (let call = 0; call < 64; call += 1) expect(slot.enter(0)).toBe('call');
    const order: number[] = [];
    for (let call = 0; call < 3; call += 1) void Promise.resolve(slot.enter(0)).then(() => order.push(call));
    await turn();
    expect(order).toEqual([]);
    slot.leave('call', true);
    slot.leave('call', undefined);
    await turn();
    expect(order).toEqual([0, 1]);
  });

  it('lets nobody overtake those who wait', async () => {
    for (let call = 0; call < 64; call += 1) void slot.enter(0);
    const first = listen(slot, 0);
    slot.leave('call', true);
    expect(slot.enter(0)).toBeInstanceOf(Promise);
    await turn();
    expect(first.said).toBe('call');
  });

  it('turns everybody away once the provider refuses the key, also those who wait', async () => {
    const calls = await Promise.all(Array.from({ length: 64 }, () => entered(slot)));
    const waiting = listen(slot, 0);
    for (const call of calls.slice(1)) slot.leave(call, true);
    expect(slot.refuses(0)).toBe(false);
    const others = Array.from({ length: 63 }, () => listen(slot, 0));
    const last = listen(slot, 0);
    slot.leave(calls[0] ?? 'call', false);
    await turn();
    expect(waiting.said).toBe('call');
    expect(others.slice(0, 62).map(({ said }) => said)).toEqual(Array.from({ length: 62 }, () => 'call'));
    expect(last.said).toBe('refused');
    expect(slot.refuses(0)).toBe(true);
    expect(slot.enter(0)).toBe('refused');
  });

  it('lets one call of a chunk that began after the refusal try the key, and the others when it is good again', async () => {
    slot.leave(await entered(slot), false);
    const later = performance.now() + 1;
    expect(slot.refuses(later)).toBe(false);
    expect(slot.enter(later)).toBe('trial');
    const others = [listen(slot, later), listen(slot, later)];
    await turn();
    expect(others.map(({ said }) => said)).toEqual([undefined, undefined]);
    slot.leave('trial', true);
    await turn();
    expect(others.map(({ said }) => said)).toEqual(['call', 'call']);
    expect(slot.enter(0)).toBe('call');
  });

  it('refuses all who waited for a trial that was refused too: it was made for all of them', async () => {
    slot.leave(await entered(slot), false);
    const later = performance.now() + 1;
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(slot.enter(later)).toBe('trial');
    const other = listen(slot, later);
    slot.leave('trial', false);
    await turn();
    expect(other.said).toBe('refused');
  });

  it('tries again when a trial told nothing about the key', async () => {
    slot.leave(await entered(slot), false);
    const later = performance.now() + 1;
    expect(slot.enter(later)).toBe('trial');
    const other = listen(slot, later);
    slot.leave('trial', undefined);
    await turn();
    expect(other.said).toBe('trial');
  });

  it('is not opened by calls that were under way when the key was refused', async () => {
    const before = await entered(slot);
    slot.leave(await entered(slot), false);
    slot.leave(before, true);
    expect(slot.enter(0)).toBe('refused');
  });
});
