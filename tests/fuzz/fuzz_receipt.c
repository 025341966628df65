/* A job's receipt: any bytes. What is taken has a bill that adds up; what is not is said in words. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/tally/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct receipt_facts facts;
    struct err err = {0};
    enum err_code code = receipt_check(bytes_of(data, size), &facts, &err);
    if (code != ERR_OK) {
        INVARIANT(err.message[0] != '\0');
        return 0;
    }
    INVARIANT(facts.records > 0 && facts.records <= facts.checkpoint.size);
    INVARIANT(facts.confirmed >= 0);
    if (facts.has_bill) {
        INVARIANT(facts.ending != NULL && facts.confirmed <= facts.cap);
        INVARIANT(facts.bill.gross + facts.bill.refund == facts.cap);
        INVARIANT(facts.bill.fee + facts.bill.payout == facts.bill.gross);
    }
    return 0;
}
