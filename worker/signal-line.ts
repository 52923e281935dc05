/** Speaks to workflows over whichever connection there is. */
import type { Client } from '@temporalio/client';

export class SignalLine {
  client: Client | undefined;

  /** @throws what Temporal does not take; WorkflowNotFoundError where there is no such workflow */
  async signal(workflowId: string, name: string, content: unknown): Promise<void> {
    if (!this.client) throw new Error('There is no connection to Temporal yet.');
    await this.client.workflow.getHandle(workflowId).signal(name, content);
  }
}
