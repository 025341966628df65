/* web/wallet/exports.h: what the module wallet.wasm offers to wallet.ts, its only caller.
 *
 *     the caller writes the input area ─▶ export(size of the input) ─▶ size of what is in the output area, or a `wallet_refusal`
 *
 * Shape:   fields stand one behind the other without gaps; integers are little-endian; texts have no zero behind them.
 * Signed:  transactions of the seed's own identity, and sign-in texts, both built inside from their parts. No export signs a digest or
 *          bytes of somebody's choice: a server that may choose those could have a payment signed.
 * Secrets: the seed comes in the input. When an export returns, the input area and the whole stack are zero, and the output holds
 *          nothing but what may be published. That nothing else in memory has changed is tested.
 * Memory:  two fixed areas, the stack and constants; nothing is allocated, memory never grows, nothing is imported.
 * Errors:  a refusal leaves the output zero. A trap is a bug of ours: clear the memory and use another instance. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WEB_WALLET_EXPORTS_H
#define WEB_WALLET_EXPORTS_H

#include <stdint.h>

#define WALLET_AREA_SIZE 1536
#define EXPORT(name) __attribute__((export_name(#name))) name

enum wallet_refusal { /* mirrored in wallet.ts */
                      WALLET_REFUSED_SIZE = -1,
                      WALLET_REFUSED_SEED = -2,
                      WALLET_REFUSED_IDENTITY = -3,
                      WALLET_REFUSED_TRANSACTION = -4,
                      WALLET_REFUSED_SIGN_IN = -5,
};

uint8_t *EXPORT(wallet_input)(void);
uint8_t *EXPORT(wallet_output)(void);
uint32_t EXPORT(wallet_area_size)(void);

/* seed 55 → public key 32, identity 60 */
int32_t EXPORT(wallet_identity_of_seed)(uint32_t size);
/* public key 32 → identity 60 */
int32_t EXPORT(wallet_identity_of_key)(uint32_t size);
/* identity 60 → public key 32 */
int32_t EXPORT(wallet_key_of_identity)(uint32_t size);
/* seed 55, destination's public key 32, amount i64, tick u32, input type u16, the input 0 to 1,024 →
 * the transaction 144 + n, its id 60 */
int32_t EXPORT(wallet_sign_transaction)(uint32_t size);
/* a transaction → whether its signature is good 1, source 60, destination 60, id 60, all three as text */
int32_t EXPORT(wallet_read_transaction)(uint32_t size);
/* seed 55, log id 36, nonce 32, end 20, origin 1 to 255 (texts, as in core/qubic/sign_in.h) → signature 64, the text */
int32_t EXPORT(wallet_sign_in)(uint32_t size);
/* public key 32, signature 64, then as above → 1 or 0 */
int32_t EXPORT(wallet_verify_sign_in)(uint32_t size);
/* public key 32, digest 32, signature 64 → 1 or 0 */
int32_t EXPORT(wallet_verify)(uint32_t size);

#endif
