// What somebody writes on the generated types: a full synchronisation in one call, and how far it is.
import createClient from "openapi-fetch";
import type { paths } from "./api";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8686", headers: { Authorization: "Bearer tw_pat_..." } });

export async function copyAll(source: string, target: string): Promise<string> {
  const path = { workspace: "main" };
  const started = await client.POST("/api/v1/workspaces/{workspace}/full", { params: { path }, body: { source, target } });
  if (started.error) {
    throw new Error(`${started.error.code}: ${started.error.detail}`);
  }
  const run = started.data.run;
  if (!run) {
    return `waits for ${(started.data.missing ?? []).join(", ")}`;
  }
  const shown = await client.GET("/api/v1/workspaces/{workspace}/runs/{run}", { params: { path: { ...path, run: run.run } } });
  const total = shown.data?.total;
  return total ? `${total.read} read, ${total.written} written` : run.state;
}
