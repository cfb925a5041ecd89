import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { Readiness, Service } from './service.ts';
import { createSupervisor } from './supervisor.ts';
import { createSystemRuntime } from './system-runtime.ts';

const { timers } = createSystemRuntime();

function service(name: string, steps: string[], changes: Partial<Service> = {}): Service {
  const step = (what: string) => async () => {
    steps.push(`${what} ${name}`);
  };
  return {
    name,
    routes: [],
    socketRoutes: [],
    start: step('start'),
    drain: step('drain'),
    stop: step('stop'),
    readiness: () => ({ ready: true }),
    status: async () => ({}),
    ...changes,
  };
}

describe('a supervisor', () => {
  test('starts in order; drains all, then stops all, in the reverse order', async () => {
    const steps: string[] = [];
    const supervisor = createSupervisor([service('a', steps), service('b', steps)], timers, SILENT);
    await supervisor.start();
    assert.deepEqual(await supervisor.shutDown(1_000), { unfinished: [] });
    assert.deepEqual(steps, ['start a', 'start b', 'drain b', 'drain a', 'stop b', 'stop a']);
  });

  test('is ready when every service is, and says whose reason it is otherwise', async () => {
    let state: Readiness = { ready: false, reasons: ['behind'] };
    const supervisor = createSupervisor([service('a', [], { readiness: () => state })], timers, SILENT);
    assert.deepEqual(supervisor.readiness(), { ready: false, reasons: ['a: behind'] });
    const ready = supervisor.untilReady(new AbortController().signal);
    state = { ready: true };
    await ready;
  });

  test('is not ready any more once it shuts down', async () => {
    const supervisor = createSupervisor([service('a', [])], timers, SILENT);
    await supervisor.shutDown(1_000);
    assert.equal(supervisor.readiness().ready, false);
  });

  test('stops what it had started when a start fails, and hands the failure on', async () => {
    const steps: string[] = [];
    const failing = service('b', steps, {
      start: async () => {
        throw new Error('no');
      },
    });
    await assert.rejects(
      createSupervisor([service('a', steps), failing], timers, SILENT).start(),
      /^Error: no$/,
    );
    assert.ok(steps.includes('stop a') && steps.includes('stop b'));
  });

  test('names a service that does not finish in time, and one that fails, and still stops the others', async () => {
    const steps: string[] = [];
    const failing = service('fails', steps, {
      drain: async () => {
        throw new Error('no');
      },
    });
    const quick = createSupervisor([service('a', steps), failing], timers, SILENT);
    assert.deepEqual((await quick.shutDown(1_000)).unfinished, ['fails']);
    assert.ok(steps.includes('stop a') && steps.includes('stop fails'));
    const hanging = service('hangs', steps, { drain: () => new Promise(() => {}) });
    assert.deepEqual((await createSupervisor([hanging], timers, SILENT).shutDown(5)).unfinished, ['hangs']);
  });
});
