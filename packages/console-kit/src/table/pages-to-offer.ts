/** First, last and two on each side of the page that is shown. */
export function pagesToOffer(page: number, pages: number): number[] {
  return Array.from({ length: pages }, (_, index) => index + 1).filter(
    (offered) => offered === 1 || offered === pages || Math.abs(offered - page) <= 2,
  );
}
