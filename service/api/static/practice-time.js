// Moments in the time of whoever looks: the server writes them in UTC.
const UTC = /\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d UTC/;
const format = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

export const showLocalTimes = within => {
  for (const one of within.querySelectorAll("time[datetime], option[data-when]")) {
    one.textContent = one.textContent.replace(UTC, format.format(new Date(one.dateTime ?? one.dataset.when)));
  }
};
showLocalTimes(document);
