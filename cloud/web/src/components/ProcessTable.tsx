/** The bed's processes in one line, and in a table when opened: running, restarts, CPU, age of the last progress. */
import type { ReactNode } from "react";
import type { BedProcess } from "../api/types";
import { ageText, percentText } from "../times";
import { words } from "../words";

export function ProcessTable({ processes }: { processes: BedProcess[] }): ReactNode {
  if (processes.length === 0) return null;
  const stopped = processes.filter((process) => !process.running).length;
  const restarts = processes.reduce((sum, process) => sum + process.restarts, 0);
  const columns = words.beds.processColumns;
  return (
    <details className="processes">
      <summary>
        {words.beds.processes}{" "}
        <span className={stopped ? "state-bad" : "soft"}>
          {stopped ? words.beds.someStopped(stopped) : words.beds.allRunning(processes.length)}
          {restarts > 0 && `, ${words.beds.restarted(restarts)}`}
        </span>
      </summary>
      <table>
        <thead>
          <tr>
            {Object.entries(columns).map(([name, text]) => (
              <th key={name} scope="col">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {processes.map((process) => (
            <tr key={process.name}>
              <th scope="row">{words.processName(process.name)}</th>
              <td className={process.running ? "" : "state-bad"}>
                {process.running ? words.beds.running : words.beds.stopped}
              </td>
              <td className="figure">{process.restarts}</td>
              <td className="figure">{percentText(Math.min(1, process.core_share))}</td>
              <td className="figure">{ageText(process.progress_age_s)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
