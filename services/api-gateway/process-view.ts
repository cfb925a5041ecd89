/** What the gateway knows of the process it runs in. Composition gives it, since only composition knows. */
import type { Readiness, Service } from '#infrastructure/core/service.ts';

export interface ProcessView {
  /** Every service of this process, the gateway among them. */
  services(): readonly Service[];
  readiness(): Readiness;
  exposeMetrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** What the data folder takes. */
  diskUse(): Promise<{ readonly bytes: number; readonly freeBytes: number }>;
  /** Copies the data folder into `target`, which must be empty or not there. Throws an `OperatingError` with a sentence. */
  backUp(target: string): Promise<{ readonly bytes: number }>;
  /** Drawn at this start of the process; gateways sign requests for it by this name. */
  readonly instanceId: string;
  readonly dataFolder: string;
  /** Where operators connect. */
  readonly operatorSocketPath: string;
  readonly version: string;
}
