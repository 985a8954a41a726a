// What the JSON of a dashboard is, by the types that Grafana publishes. A key or a value that they do not have is an error.
import type { Dashboard, DataQuery, FieldConfig, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type * as Stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.js';
import type * as StateTimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.js';
import type * as Table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.js';
import type * as TimeSeries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.js';

// Of an enum JSON has the value.
type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

// A query of Prometheus; its own types are in no package.
type Query = Pick<DataQuery, 'refId'> & { expr: string; legendFormat?: string; instant?: boolean; format?: 'table' };

// Grafana's own types take any option of any panel.
type Drawn<Type, Options, Custom> = Omit<Panel, 'type' | 'targets' | 'options' | 'fieldConfig'> & {
  type: Type;
  targets: Query[];
  options: Options;
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom } };
};

type AnyPanel =
  | RowPanel
  | Drawn<'stat', Stat.Options, never>
  | Drawn<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig>
  | Drawn<'table', Table.Options, never>
  | Drawn<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>;

export type Whole = Json<Omit<Dashboard, 'panels'> & { panels: AnyPanel[] }>;

// What would pass for anything proves nothing.
const empty = { schemaVersion: 39, panels: [] } satisfies Whole;
// @ts-expect-error: a dashboard has no `titel`
export const key: Whole = { ...empty, titel: 'x' };
// @ts-expect-error: Grafana has no panel `graf`
export const panel: Whole = { ...empty, panels: [{ type: 'graf' }] };
// @ts-expect-error: a legend is no `tabel`
export const option: TimeSeries.Options['legend']['displayMode'] = 'tabel';
