"""API key 66: ListTransactions."""

from pybroker.protocol.definitions.notation import F, M

KEY = 66
NAME = "ListTransactions"
REQUEST = M("ListTransactionsRequest", valid="0-2", flexible="0+", fields=[
    F("StateFilters", "[]string", "0+"),
    F("ProducerIdFilters", "[]int64", "0+", entity="producerId"),
    F("DurationFilter", "int64", "1+", default="-1"),
    F("TransactionalIdPattern", "string", "2+", nullable="2+", default="null"),
])

RESPONSE = M("ListTransactionsResponse", valid="0-2", flexible="0+", fields=[
    F("ThrottleTimeMs", "int32", "0+"),
    F("ErrorCode", "int16", "0+"),
    F("UnknownStateFilters", "[]string", "0+"),
    F("TransactionStates", "[]TransactionState", "0+", fields=[
        F("TransactionalId", "string", "0+", entity="transactionalId"),
        F("ProducerId", "int64", "0+", entity="producerId"),
        F("TransactionState", "string", "0+"),
    ]),
])
