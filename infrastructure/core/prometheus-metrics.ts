/** The production `Metrics`: prom-client, with the process's own figures, shown behind `/metrics`. */
import assert from 'node:assert/strict';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from './metrics.ts';

export interface MetricsExposition {
  readonly contentType: string;
  readonly text: string;
}

export interface PrometheusMetrics extends Metrics {
  expose(): Promise<MetricsExposition>;
}

/** Asking twice for one name with the same kind and labels gives the same instrument. */
export function createPrometheusMetrics(options: { readonly processFigures: boolean }): PrometheusMetrics {
  const registry = new Registry();
  if (options.processFigures) collectDefaultMetrics({ register: registry });
  const known = new Map<string, unknown>();

  function once<Instrument>(
    kind: string,
    name: string,
    labelNames: readonly string[],
    make: () => Instrument,
  ): Instrument {
    const identity = `${kind}(${labelNames.join(',')})`;
    const found = known.get(name) as
      | { readonly identity: string; readonly instrument: Instrument }
      | undefined;
    if (found !== undefined) {
      assert.equal(found.identity, identity, `the metric ${name} is registered twice, in two ways`);
      return found.instrument;
    }
    const instrument = make();
    known.set(name, { identity, instrument });
    return instrument;
  }

  return {
    counter: (name, help, labelNames = []) =>
      once('counter', name, labelNames, () => {
        const counter = new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
        return {
          increment: (labels, by = 1) => (labels === undefined ? counter.inc(by) : counter.inc(labels, by)),
        };
      }),
    gauge: (name, help, labelNames = []) =>
      once('gauge', name, labelNames, () => {
        const gauge = new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
        return {
          set: (value, labels) => (labels === undefined ? gauge.set(value) : gauge.set(labels, value)),
        };
      }),
    histogram: (name, help, buckets, labelNames = []) =>
      once('histogram', name, labelNames, () => {
        const histogram = new Histogram({
          name,
          help,
          labelNames: [...labelNames],
          buckets: [...buckets],
          registers: [registry],
        });
        return {
          observe: (value, labels) =>
            labels === undefined ? histogram.observe(value) : histogram.observe(labels, value),
        };
      }),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
