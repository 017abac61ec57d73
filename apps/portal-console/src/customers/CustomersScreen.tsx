import { Button } from "@mantine/core";
import {
  type DataColumn,
  DataTable,
  DateOnly,
  NameCell,
  Page,
  StateInline,
  TableFoot,
  TwoLines,
} from "@tms/console-kit";
import type { CustomerRow } from "@tms/contracts/portal";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";
import { AddCustomerDialog } from "./AddCustomerDialog.tsx";

export function CustomersScreen(): ReactNode {
  const words = useWords();
  const { session } = useSession();
  const list = api.useRead("listCustomers", {});
  const [adding, setAdding] = useState(false);
  const rows = list.data?.customers;
  return (
    <Page
      crumbs={[{ label: words("menu.customers") }]}
      title={words("menu.customers")}
      plainTitle={words("menu.customers")}
      subtitle={rows === undefined ? undefined : words("customers.sum", { count: rows.length })}
      actions={
        session.role === "administrator" ? (
          <Button onClick={() => setAdding(true)}>{words("customers.add")}</Button>
        ) : undefined
      }
    >
      <div className="tms-panel">
        <DataTable
          label={words("menu.customers")}
          columns={useColumns()}
          rows={rows}
          rowKey={(row) => row.id}
          empty={{ face: "nothing-yet", text: words("customers.none") }}
          error={list.error}
          readAt={list.dataUpdatedAt}
          onTryNow={() => list.refetch()}
          scope=""
        />
      </div>
      <TableFoot
        page={1}
        pageSize={Math.max(1, rows?.length ?? 1)}
        total={rows?.length ?? 0}
        onPage={() => undefined}
      />
      <AddCustomerDialog opened={adding} onClose={() => setAdding(false)} />
    </Page>
  );
}

function useColumns(): DataColumn<CustomerRow>[] {
  const words = useWords();
  return [
    {
      id: "name",
      header: words("customer"),
      cell: (row) => <NameCell href={paths.customer(row.id)} name={row.name} technical={row.userName} />,
    },
    {
      id: "validity",
      header: words("customers.validity"),
      narrow: true,
      cell: (row) => <ValidityState customer={row} />,
    },
    {
      id: "products",
      header: words("menu.products"),
      narrow: true,
      cell: (row) => (
        <TwoLines
          first={
            <a className="tms-link" href={paths.products(row.id)}>
              {words("customers.products", { count: row.products })}
            </a>
          }
          second={words("customers.waiting", { count: row.productsNeedingSomebody })}
        />
      ),
    },
    {
      id: "cases",
      header: words("menu.cases"),
      cell: (row) => (
        <a className="tms-link" href={paths.cases(row.id)}>
          {words("customers.openCases", { count: row.openCases })}
        </a>
      ),
    },
    {
      id: "contact",
      header: words("customers.contact"),
      cell: (row) => row.contactEmail ?? <span className="tms-small">{words("customers.noContact")}</span>,
    },
    {
      id: "keys",
      header: words("customers.keys"),
      cell: (row) => words(row.demoKeys ? "customers.demoKeys" : "customers.ownKeys"),
    },
    { id: "created", header: words("customers.since"), cell: (row) => <DateOnly at={row.createdAt} /> },
  ];
}

export function ValidityState(props: { customer: CustomerRow }): ReactNode {
  const words = useWords();
  const { customer } = props;
  return (
    <StateInline
      state={
        customer.expired
          ? { text: words("customers.expired"), tone: "wait" }
          : { text: words("customers.valid"), tone: "ok" }
      }
      small={words.rich(customer.expired ? "since" : "customers.until", {
        time: <DateOnly at={customer.validUntil} />,
      })}
    />
  );
}
