import type { ReactNode } from "react";
import { useKitWords } from "../words/kit-words.ts";
import { pagesToOffer } from "./pages-to-offer.ts";

interface TableFootProps {
  page: number;
  pageSize: number;
  total: number;
  onPage(page: number): void;
  /** Whose clock judged, and that the order stands still. */
  note?: ReactNode;
}

/** "1 to 12 of 38" and the pages; the server counts. */
export function TableFoot(props: TableFootProps): ReactNode {
  const words = useKitWords();
  const { page, pageSize, total } = props;
  const pages = Math.max(1, Math.ceil(total / pageSize));
  const first = total === 0 ? 0 : (page - 1) * pageSize + 1;
  return (
    <div className="tms-table-foot">
      <span>
        {words("table.range", { first, last: Math.min(total, page * pageSize), total })} {props.note}
      </span>
      {pages === 1 ? null : (
        <nav className="tms-pages" aria-label={words("table.pages")}>
          {pagesToOffer(page, pages).map((offered, index, all) => (
            <span key={offered}>
              {index > 0 && offered - (all[index - 1] ?? 0) > 1 ? "… " : null}
              <button
                type="button"
                onClick={() => props.onPage(offered)}
                aria-label={words("table.page", { page: offered })}
                {...(offered === page ? { "aria-current": "page" as const } : {})}
              >
                {offered}
              </button>
            </span>
          ))}
        </nav>
      )}
    </div>
  );
}
