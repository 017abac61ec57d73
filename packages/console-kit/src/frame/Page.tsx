import { Fragment, type ReactNode, useEffect } from "react";
import { IconChevronRight, IconMenu2 } from "../icons/icons.ts";
import { escapeForeignText } from "../text/escape-foreign.ts";
import { ForeignText } from "../text/ForeignText.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { useFrame } from "./frame-context.ts";

export interface Crumb {
  label: string;
  href?: string;
}

interface PageProps {
  crumbs: Crumb[];
  /** People's words, not the id. */
  title: ReactNode;
  /** For the browser's tab. */
  plainTitle: string;
  subtitle?: ReactNode;
  badges?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** Top bar and head of one screen; the page's answers stand in its first 180 px. */
export function Page(props: PageProps): ReactNode {
  useEffect(() => {
    document.title = escapeForeignText(props.plainTitle);
  }, [props.plainTitle]);
  return (
    <>
      <TopBar crumbs={props.crumbs} />
      <main className="tms-main" id="main" tabIndex={-1}>
        <div className="tms-head">
          <div className="tms-head-title">
            <h1>{props.title}</h1>
            {props.subtitle === undefined ? null : <span className="tms-head-sub">{props.subtitle}</span>}
            {props.badges}
          </div>
          {props.actions === undefined ? null : <div className="tms-row">{props.actions}</div>}
        </div>
        {props.children}
      </main>
    </>
  );
}

function TopBar(props: { crumbs: Crumb[] }): ReactNode {
  const words = useKitWords();
  const frame = useFrame();
  return (
    <header className="tms-top">
      <button
        type="button"
        className="tms-top-item tms-burger"
        onClick={frame.openMenu}
        aria-label={words("frame.menu")}
      >
        <IconMenu2 size={18} stroke={1.75} />
      </button>
      {frame.scope}
      <nav className="tms-crumbs" aria-label={words("frame.crumbs")}>
        {props.crumbs.map((crumb, index) => (
          <Fragment key={crumb.label}>
            {index === 0 ? null : <IconChevronRight size={13} stroke={1.75} aria-hidden="true" />}
            {index === props.crumbs.length - 1 || crumb.href === undefined ? (
              <span {...(index === props.crumbs.length - 1 ? { "aria-current": "page" as const } : {})}>
                <ForeignText text={crumb.label} />
              </span>
            ) : (
              <a href={crumb.href}>
                <ForeignText text={crumb.label} />
              </a>
            )}
          </Fragment>
        ))}
      </nav>
      <div className="tms-top-right">{frame.topRight}</div>
    </header>
  );
}
