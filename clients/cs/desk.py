"""The group of commands that the modules beside this one fill."""

from clients.common.commands import new_app

app = new_app("cs", "Customer service: find, drop, book, match payments, sell, labels.")

# How the list of commands is divided.
GOODS = "Find and fetch goods"
ORDERS = "Book Orders"
BANK = "Payments"
SALES = "Sales and parcels"
PEOPLE = "Customers and this machine"
