import { Menu } from "@mantine/core";
import { IconBuilding, IconChevronDown, usePathname, useUrlFilters } from "@tms/console-kit";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

/** Lists that can be narrowed to one customer; elsewhere the subject itself has one, and the scope is absent. */
const SCOPED = ["/", "/products", "/incidents", "/cases", "/patterns", "/events"];

/** The customer scope of the provider's console; part of the URL. */
export function CustomerScope(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const pathname = usePathname();
  const customers = api.useRead("listCustomers", {}, { pollMs: 10_000 }).data?.customers ?? [];
  if (!SCOPED.includes(pathname)) return null;
  const chosen = customers.find((customer) => customer.id === filters.get("customer"));
  return (
    <Menu shadow="md" position="bottom-start" transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <button
          type="button"
          className="tms-chip tms-scope"
          aria-label={words("scope.label", { name: chosen?.name ?? words("scope.all") })}
        >
          <IconBuilding size={15} stroke={1.75} aria-hidden="true" />
          <span>{chosen?.name ?? words("scope.all")}</span>
          <IconChevronDown size={14} stroke={1.75} aria-hidden="true" />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => filters.set({ customer: "" })}>{words("scope.all")}</Menu.Item>
        {customers.map((customer) => (
          <Menu.Item key={customer.id} onClick={() => filters.set({ customer: customer.id })}>
            {customer.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
