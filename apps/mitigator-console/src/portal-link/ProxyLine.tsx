import { IconRoute } from "@tms/console-kit";
import type { PortalConnection } from "@tms/contracts/mitigator";
import type { ReactNode } from "react";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

/** Which proxy both servers are reached through, and the way to its page. */
export function ProxyLine(props: { proxy: PortalConnection["proxy"] }): ReactNode {
  const words = useWords();
  const { proxy } = props;
  return (
    <div className="tms-form-section tms-row" style={{ justifyContent: "space-between" }}>
      <span className="tms-row">
        <IconRoute size={16} stroke={1.75} aria-hidden />
        <span>
          {proxy === null
            ? words("portal.noProxy")
            : words.rich("portal.proxyUsed", {
                kind: words(`proxy.kind.${proxy.kind}`),
                proxy: <span className="tms-mono">{`${proxy.host}:${proxy.port}`}</span>,
              })}
        </span>
      </span>
      <a className="tms-link" href={paths.proxy()}>
        {words("menu.proxy")}
      </a>
    </div>
  );
}
